// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/codec"
)

// imageEndings are the endings of files that are taken as images without a look at them. Their content is judged when
// they are decoded.
var imageEndings = strings.Fields(`.jpg .jpeg .jpe .jfif .png .gif .bmp .dib .tif .tiff .webp .pbm .pgm .ppm .pnm .pfm
	.heic .heif .avif`)

// notImages are the endings of files that often lie beside images. Such files are never opened.
var notImages = strings.Fields(`.txt .csv .tsv .json .jsonl .md .rst .html .htm .xml .yaml .yml .toml .ini .log .pdf
	.py .pyc .ipynb .sh .m .mat .npy .npz .pkl .pickle .pt .pth .safetensors .h5 .hdf5 .parquet .arrow .db .lmdb .mdb
	.tar .tgz .gz .bz2 .xz .zst .zip .7z .rar .sha256 .sha1 .md5 .sum .mp4 .mov .avi .mkv .mp3 .wav .srt .names .data
	.bin .lock .part .torrent .license`)

// cameraRaw are the endings of raw files of cameras. Many of them begin like a TIFF file, whose only picture that can
// be read is a thumbnail.
var cameraRaw = strings.Fields(
	".3fr .arw .cr2 .cr3 .dng .erf .iiq .kdc .mef .mos .nef .nrw .orf .pef .raf .raw .rw2 .srw")

// notRead are the endings of image formats that are not read.
var notRead = strings.Fields(".exr .hdr .heics .j2k .jp2 .jpx .jxl .psd .xcf")

// The reasons for which files are left out.
const (
	becauseHidden     = "hidden"
	becauseName       = "not images by their names"
	becauseContent    = "not images by their content"
	becauseFormat     = "images of a format that is not read: convert them to JPEG or PNG"
	becauseUnreadable = "may not be read"
)

// headBytes is enough of a file to tell its format.
const headBytes = 16

// whyNotImage returns why a file is not tried as an image, or "". It opens the file only if its name says nothing.
func (l *listing) whyNotImage(f file, rel string) string {
	base := path.Base(rel)
	ending := strings.ToLower(path.Ext(base))
	switch {
	case isHidden(rel):
		return becauseHidden
	case slices.Contains(imageEndings, ending):
		return ""
	case slices.Contains([]string{"thumbs.db", "desktop.ini", "readme", "license", "copying", "makefile"},
		strings.ToLower(base)), slices.Contains(notImages, ending):
		return becauseName
	case slices.Contains(cameraRaw, ending):
		return becauseFormat
	}
	head, err := l.head(f, headBytes)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return becauseUnreadable
	case err != nil:
		return "cannot be opened"
	case codec.IsImage(head):
		return ""
	case slices.Contains(notRead, ending):
		return becauseFormat
	}
	return becauseContent
}

// head returns the first bytes of a file, at most n.
func (l *listing) head(f file, n int) ([]byte, error) {
	b, err := l.open(f)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	head := make([]byte, min(int64(n), f.size))
	got, err := b.ReadAt(head, 0)
	if err == io.EOF {
		err = nil
	}
	return head[:got], err
}

// isHidden reports whether a folder or file of the path starts with a dot, or is the one macOS adds to archives.
func isHidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || part == "__MACOSX" {
			return true
		}
	}
	return false
}
