// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"slices"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// A Dataset is a fixed sequence of images. All methods are safe for concurrent use.
type Dataset interface {
	// Len returns the number of images.
	Len() int
	// Image decodes image i, 0 <= i < Len(). The caller owns the result. An error concerns only this image.
	Image(i int) (*augment.Image, error)
	// Label returns the class of image i, an index into the source's Classes, or -1 if it is not known.
	Label(i int) int
}

// A Kind says what Open recognised a Source as.
type Kind string

// The kinds of source.
const (
	KindFolder    Kind = "folder"    // image files in a folder, at any depth
	KindTar       Kind = "tar"       // image files in a .tar, .tar.gz or .tgz, or in several
	KindZip       Kind = "zip"       // image files in a .zip, or in several
	KindParquet   Kind = "parquet"   // images in a column of Parquet files
	KindList      Kind = "list"      // image files that a list names, or that a pattern matches
	KindCIFAR10   Kind = "cifar10"   // CIFAR-10's binary version, in a folder or an archive
	KindCIFAR100  Kind = "cifar100"  // CIFAR-100's binary version, in a folder or an archive
	KindIDX       Kind = "idx"       // IDX files (MNIST, Fashion-MNIST), plain or gzipped
	KindSynthetic Kind = "synthetic" // drawn on the spot
)

// The splits. Folders called like them, or like them elsewhere (valid, Testing, train2017), hold their images.
const (
	SplitTrain = "train"
	SplitVal   = "val"
	SplitTest  = "test"
	// SplitAll selects every image, whatever its split.
	SplitAll = "all"
	// SplitNone selects every image, and says that no folder is a split: a folder called train is a class.
	SplitNone = "none"
)

// Options say which images of a path to take, and how. The zero value is what pretraining uses.
type Options struct {
	// Split is "train", "val", "test", "all" or "none". Empty takes train if the source has splits, else everything.
	Split string
	// Labels is "none", "folders" (the first folder below the split names the class) or the path of a CSV file with
	// the columns path,label. Empty: CIFAR, IDX and synthetic have their own; for image files it is "folders" when
	// every file lies exactly one folder below the split and there are at least two such folders, else "none". Samples
	// of WebDataset, Parquet files and lists have their own, too, if they have any.
	Labels string
	// Decoder decodes JPEG images: DecoderTurbo or DecoderGo. Empty is DecoderTurbo.
	Decoder string
	// Channels is what becomes of images that are not 8-bit RGB: ChannelsRGB makes them 8-bit RGB, ChannelsKeep and
	// ChannelsPages keep channels and depth, so that all images are deep ones. Empty is ChannelsRGB.
	Channels string
	// MaxPixels bounds width*height of an image, checked before decoding. 0 is DefaultMaxPixels.
	MaxPixels int
	// MaxBytes bounds the size of an image's file. 0 is DefaultMaxBytes.
	MaxBytes int64
	// Budget is what the images that are decoded and augmented at the same time share. nil is a budget of the process,
	// a quarter of the memory that it may use.
	Budget *Budget
	// CacheDir is where a gzipped archive, or a set of Parquet files, is unpacked, once. Empty is the folder
	// "parallax" in os.UserCacheDir.
	CacheDir string
	// CacheBytes bounds the cache. 0 is 64 GiB. In any case it takes at most half of what the disk has free.
	CacheBytes int64
	// Size is the side of synthetic images in pixels, 8 to 512. 0 is 32. Other sources ignore it.
	Size int
	// Seed is the seed of synthetic images. Other sources ignore it.
	Seed uint64
}

// The values of Options.Channels. Kept are the samples of TIFF and PNG files, alpha too; images of other formats, and
// colours that have to be converted, become RGB first. All images of a data set must have the same channels and
// samples.
const (
	ChannelsRGB   = "rgb"   // 8-bit RGB
	ChannelsKeep  = "keep"  // as in the file; of a TIFF file's pages the first one
	ChannelsPages = "pages" // as in the file; a TIFF file's pages are further channels
)

// The limits on one image that hold if Options has none.
const (
	DefaultMaxPixels = codec.DefaultMaxPixels
	DefaultMaxBytes  = 512 << 20
)

func (o Options) withDefaults() Options {
	if o.MaxPixels <= 0 {
		o.MaxPixels = DefaultMaxPixels
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Size == 0 {
		o.Size = 32
	}
	return o
}

// A Source is an opened data set: the images of one split, in an order that depends only on their names.
type Source struct {
	Dataset
	// Classes are the names of the labels, sorted (by number if all are whole numbers; in their own order for Parquet
	// files with Hugging Face's ClassLabel). They are those of the whole source,
	// so that a class has the same label in every split. Empty: the images have no labels.
	Classes []string
	// Kind is what the path was recognised as.
	Kind Kind
	// Split is the split taken, or "" if the source has none.
	Split string
	// Splits are the source's splits, of train, val and test in this order. Empty: the source is not split.
	Splits []string
	// Fingerprint is a SHA-256 in hexadecimal over the names, sizes and labels of the images, and for archives and
	// binary files over their size and both ends. It changes when files are added, removed, renamed, relabelled or
	// resized. It does not depend on the path of the data.
	Fingerprint string
	// Notes are sentences for the user: which files were left out, which images have no label.
	Notes []string
	// Facts are what the path was taken for, and why.
	Facts Facts

	whole   *whole
	names   func(i int) string
	factors func(i int) Factors
	close   func() error // nil for another Source's selection
}

// Name returns image i's name: its path within the folder or archive, or a file and a number.
func (s *Source) Name(i int) string { return s.names(i) }

// HasSplit reports whether the source has the split called name.
func (s *Source) HasSplit(name string) bool { return slices.Contains(s.Splits, name) }

// Close closes the source's files. No image may be read after it.
func (s *Source) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

// An ImageError is an image that cannot be used, with its name.
type ImageError struct {
	Name string
	Err  error
}

func (e *ImageError) Error() string {
	return fmt.Sprintf("image %s: %v", printable.Name(e.Name), e.Err)
}

// Unwrap returns the reason alone.
func (e *ImageError) Unwrap() error { return e.Err }
