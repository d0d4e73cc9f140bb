// SPDX-License-Identifier: Apache-2.0

package dataset

import "github.com/parallax-ssl/parallax/internal/codec"

// Dimensions returns the width and the height of image i in pixels, and the size of its file in bytes, -1 if it is no
// file of its own. It reads the file's header and decodes no pixels, so it does not see if they are damaged.
func (s *Source) Dimensions(i int) (w, h int, bytes int64, err error) {
	at := s.Dataset.(*selection).index[i]
	if s.whole.measure != nil {
		return s.whole.measure(at)
	}
	if s.whole.file == nil {
		img, err := s.Image(i)
		if err != nil {
			return 0, 0, -1, err
		}
		return img.W, img.H, -1, nil
	}
	data, err := s.whole.file(at)
	if err == nil {
		w, h, err = codec.Size(data)
	}
	if err != nil {
		return 0, 0, -1, &ImageError{s.whole.items[at].name, err}
	}
	return w, h, int64(len(data)), nil
}
