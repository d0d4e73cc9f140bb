// SPDX-License-Identifier: Apache-2.0

package dataset

import "github.com/parallax-ssl/parallax/internal/codec"

// formatBytes is how much of a file tells its format.
const formatBytes = 512

// Format returns the format of image i by the content of its file, such as "JPEG", or else the kind of the source. An
// image whose file cannot be read has none, "".
func (s *Source) Format(i int) string {
	if s.whole.head == nil {
		return string(s.Kind)
	}
	head, err := s.whole.head(s.Dataset.(*selection).index[i])
	if err != nil {
		return ""
	}
	return codec.Format(head)
}
