"""Which public sets of pictures can be called by name.

Nothing here is guessed: an address is the official one, and a size or checksum is one that is published. Sizes and
checksums of COCO are those of TensorFlow Datasets, the MD5 of MIRFLICKR is that of its page, the size of BSDS500 that
of tensorpack; sizes of the test sets are rounded on their page.
"""

from __future__ import annotations

import difflib

from minutia.datasets.dataset import Archive, Dataset
from minutia.datasets.div2k import DIV2K
from minutia.errors import DataError

VALID = "-valid"
"""Ends the name of a validation part; the training part is called the same without it."""

COCO = "https://cocodataset.org"
COCO_LICENCE = (
    "The pictures belong to their photographers, under the licence each chose on Flickr; see its terms of use."
)
BSDS_LICENCE = "Free for non-commercial research and education."
BSDS_ARCHIVE = Archive(
    name="BSR_bsds500.tgz",
    url="https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz",
    num_bytes=70763455,
)


def _coco(name: str, folder: str, num_pictures: int, num_bytes: int, digest: str) -> Dataset:
    # Over https the certificate does not fit the host; the checksum says whether the file is the right one.
    url = f"http://images.cocodataset.org/zips/{folder}.zip"
    return Dataset(
        name=name,
        title=f"COCO 2017, {'validation' if name.endswith(VALID) else 'training'}",
        summary="everyday scenes, JPEG",
        num_pictures=num_pictures,
        licence=COCO_LICENCE,
        homepage=COCO,
        archives=(Archive(name=f"{folder}.zip", url=url, num_bytes=num_bytes, checksum=f"sha256:{digest}"),),
        hr=f"{folder}/*.jpg",
    )


def _bsds(name: str, folders: str, num_pictures: int, summary: str) -> Dataset:
    return Dataset(
        name=name,
        title=f"BSDS500, {'validation' if name.endswith(VALID) else 'training and test'}",
        summary=summary,
        num_pictures=num_pictures,
        licence=BSDS_LICENCE,
        homepage="https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html",
        archives=(BSDS_ARCHIVE,),
        hr=f"BSDS500/data/images/{folders}/*.jpg",
    )


def _test_set(title: str, num_pictures: int, scales: tuple[int, ...], num_bytes: int, address: str) -> Dataset:
    return Dataset(
        name=title.lower(),
        title=title,
        summary="test set, bicubic",
        num_pictures=num_pictures,
        licence="not stated; used for research.",
        homepage="https://github.com/jbhuang0604/SelfExSR",
        archives=(
            Archive(
                name=f"{title}_SR.zip", url=f"https://uofi.box.com/shared/static/{address}.zip", num_bytes=num_bytes
            ),
        ),
        hr="image_SRF_{scale}/*_HR.png",
        lr="image_SRF_{scale}/*_LR.png",
        scales=scales,
        key=r"img_\d+",
    )


FLICKR30K = Dataset(
    name="flickr30k",
    title="Flickr30k",
    summary="people and animals, JPEG",
    num_pictures=31783,
    licence="For non-commercial research and education, under the Flickr terms of use.",
    homepage="https://shannon.cs.illinois.edu/DenotationGraph/",
    archives=(Archive(name="flickr30k-images.tar.gz", url=None, num_bytes=None),),
    hr="*.jpg",
    key=r"\d+",
    by_hand="Flickr30k has no public download address: fill in the form at "
    "https://shannon.cs.illinois.edu/DenotationGraph/, and pass the archive on: minutia datasets prepare flickr30k "
    "--from flickr30k-images.tar.gz -o FOLDER",
)

MIRFLICKR = Dataset(
    name="mirflickr25k",
    title="MIRFLICKR-25000",
    summary="photographs, JPEG",
    num_pictures=25000,
    licence="Creative Commons licences, one for each picture, told in the archive; credit the photographers.",
    homepage="https://press.liacs.nl/mirflickr/",
    archives=(
        Archive(
            name="mirflickr25k.zip",
            url="https://press.liacs.nl/mirflickr/mirflickr25k.v3b/mirflickr25k.zip",
            num_bytes=3069184257,
            checksum="md5:a23d0a8564ee84cda5622a6c2f947785",
        ),
    ),
    hr="mirflickr/im*.jpg",
    key=r"im\d+",
)

DATASETS: tuple[Dataset, ...] = (
    *DIV2K,
    FLICKR30K,
    _coco(
        *("coco2017", "train2017", 118287, 19336861798),
        digest="69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929",
    ),
    _coco(
        *("coco2017-valid", "val2017", 5000, 815585330),
        digest="4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
    ),
    MIRFLICKR,
    _bsds("bsds500", "t*", 400, "481x321 photos, JPEG"),
    _bsds("bsds500-valid", "val", 100, "the pictures of BSD100"),
    _test_set("Set5", 5, (2, 3, 4), 16_100_000, "kfahv87nfe8ax910l85dksyl2q212voc"),
    _test_set("Set14", 14, (2, 3, 4), 86_000_000, "igsnfieh4lz68l926l8xbklwsnnk8we9"),
    _test_set("BSD100", 100, (2, 3, 4), 568_000_000, "qgctsplb8txrksm9to9x01zfa4m61ngq"),
    _test_set("Urban100", 100, (2, 4), 1_140_000_000, "65upg43jjd0a4cwsiqgl6o6ixube6klm"),
)


def find_dataset(name: str) -> Dataset:
    """Find a set by its name, in capitals or not.

    Raises:
        DataError: there is none of that name.
    """
    known = {dataset.name: dataset for dataset in DATASETS}
    if name.lower() in known:
        return known[name.lower()]
    close = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {close[0]}" if close else "minutia datasets list shows those that are known"
    raise DataError(f"There is no data set called {name}; {hint}.")
