// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/internal/codec"
	"github.com/parallax-ssl/parallax/internal/turbojpeg"
)

// The decoders of JPEG, whose pixels differ by some grey levels.
const (
	DecoderTurbo = codec.Turbo // libjpeg-turbo, as in Pillow
	DecoderGo    = codec.Go    // the standard library's image/jpeg
)

// ErrDecoder is wrapped by the error of a data set of JPEG images whose decoder is not available here.
var ErrDecoder = errors.New("the JPEG decoder cannot be used")

// DefaultDecoder is the JPEG decoder if Options names none: libjpeg-turbo if its library is found.
func DefaultDecoder() string { return codec.DefaultJPEG() }

// Decoder describes, for people, which library decodes JPEG here. Go's pixels were compared with Pillow's on 2,000
// images of CIFAR: they differ by 1.36 levels on average and by up to 71, and kNN accuracies by up to 0.02.
func Decoder() string {
	if turbojpeg.Available() != nil {
		return "Go image/jpeg (differs from Pillow by up to 71 of 255 levels, 4.7 times slower; " +
			"apt-get install libturbojpeg0)"
	}
	if v := turbojpeg.Version(); v != "" {
		return "libturbojpeg " + v
	}
	return "libturbojpeg"
}

// checkDecoder returns why o's decoder cannot decode the JPEG images of a data set.
func checkDecoder(w *whole, o Options) error {
	switch o.Decoder {
	case "", DecoderGo:
		return nil
	case DecoderTurbo:
		if err := turbojpeg.Available(); err != nil && w.jpeg() {
			return fmt.Errorf("%w: its images need libjpeg-turbo (%v): install it (apt-get install "+
				"libturbojpeg0), or name its file in LIBTURBOJPEG", ErrDecoder, err)
		}
		return nil
	}
	if !w.jpeg() {
		return nil
	}
	return fmt.Errorf("%w: there is no decoder %q: the decoders are %s and %s", ErrDecoder, o.Decoder, DecoderTurbo,
		DecoderGo)
}

// JPEG reports whether the source has files that may be JPEG images, so that the pixels depend on the decoder.
func (s *Source) JPEG() bool { return s.whole.jpeg() }

func (w *whole) jpeg() bool {
	if w.kind != KindFolder && w.kind != KindTar {
		return false
	}
	others := []string{".png", ".gif", ".bmp", ".tif", ".tiff", ".webp"}
	return slices.ContainsFunc(w.items, func(i item) bool {
		return !slices.Contains(others,
			strings.ToLower(path.Ext(i.name)))
	})
}
