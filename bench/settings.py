# SPDX-License-Identifier: Apache-2.0
"""What a user chose."""

from dataclasses import dataclass, field

from bench import data, machine
from bench.processes import Failed


@dataclass
class Settings:
    """What a user chose."""

    images: str = ""  # an archive or a folder with train/CLASS and test/CLASS
    photos: str = ""  # an archive or a folder of photos
    quick: bool = False  # a few steps, to see that a benchmark works
    threads: int = field(default_factory=machine.cores)

    @property
    def data(self):
        if not self.images:
            raise Failed("no images given: make bench DATA=cifar10.tar.gz")
        return data.folder(self.images, "train")

    @property
    def photo_folder(self):
        if not self.photos:
            raise Failed("no photos given: make bench PHOTOS=FOLDER, with JPEG files of some hundred pixels")
        return data.folder(self.photos, "")

    def scaled(self, full, quick):
        return quick if self.quick else full
