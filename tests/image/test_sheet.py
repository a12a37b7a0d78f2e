from __future__ import annotations

import numpy as np

from minutia.image.sheet import MARGIN, Panel, draw_sheet


def test_panels_of_a_row_stand_at_one_size_with_square_pixels(photo: np.ndarray) -> None:
    small = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8)
    sheet = np.asarray(draw_sheet([[Panel(small, ["input"]), Panel(photo, ["original", "two lines"])]]))
    top = sheet.shape[0] - MARGIN - photo.shape[0]
    left = MARGIN * 2 + photo.shape[1]
    assert np.array_equal(sheet[top : top + 96, left : left + 112], photo)
    enlarged = sheet[top : top + 96, MARGIN : MARGIN + 112]
    assert np.array_equal(enlarged, small.repeat(48, axis=0).repeat(56, axis=1))


def test_large_pictures_are_shown_by_their_middle(photo: np.ndarray) -> None:
    sheet = np.asarray(draw_sheet([[Panel(photo, ["a"])], [Panel(photo[:, :, :1], ["b"])]], max_side=32))
    assert sheet.shape[1] == 32 + 2 * MARGIN
    bottom = sheet.shape[0] - MARGIN
    assert np.array_equal(sheet[bottom - 32 : bottom, MARGIN : MARGIN + 32, 0], photo[32:64, 40:72, 0])
