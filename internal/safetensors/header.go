// SPDX-License-Identifier: Apache-2.0

package safetensors

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// Limits on a header, far above any real file: the networks of this program have headers below 1 MiB, and PyTorch and
// NumPy stop at 64 dimensions. They keep the memory for a hostile header near the header's own length, which the
// reference lets be 100 MB.
const (
	MaxHeader   = 16 << 20 // bytes
	MaxRank     = 64       // dimensions of a tensor
	MaxTensors  = 1 << 18
	MaxMetadata = 1 << 16 // metadata entries
)

const metadataKey = "__metadata__"

type entry struct {
	name string
	info info
	end  int64
}

// header parses the JSON of a header. data is the length of the bytes that follow it.
func header(text string, data int64) ([]entry, map[string]string, error) {
	if text == "" || text[0] != '{' {
		return nil, nil, errors.New("the header does not start with '{': this is not a safetensors file")
	}
	if !utf8.ValidString(text) {
		return nil, nil, errors.New("the header is not valid UTF-8")
	}
	var (
		s        = scanner{text: text}
		entries  []entry
		metadata map[string]string
	)
	err := s.object(func(name string) error {
		if name == metadataKey {
			if metadata != nil {
				return fmt.Errorf("the header has two entries %s", metadataKey)
			}
			var err error
			metadata, err = s.metadata()
			return err
		}
		if len(entries) == MaxTensors {
			return fmt.Errorf("the header names more than %d tensors", MaxTensors)
		}
		e, err := s.entry(name)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", printable.Short(name), err)
		}
		entries = append(entries, e)
		return nil
	})
	if err == nil && s.peek() != 0 {
		err = s.fail("nothing more")
	}
	if err != nil {
		return nil, nil, err
	}
	if err := places(entries, data); err != nil {
		return nil, nil, err
	}
	return entries, metadata, nil
}

// places sorts the entries by position and checks that they fill the data exactly: no hole, no overlap, nothing beyond
// the end. Tensors without elements may share an offset.
func places(entries []entry, data int64) error {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(entries); i++ {
		if entries[i].name == entries[i-1].name {
			return fmt.Errorf("the header has two entries for tensor %s", printable.Short(entries[i].name))
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		if a.info.Offset != b.info.Offset {
			return compare(a.info.Offset, b.info.Offset)
		}
		return compare(a.end, b.end)
	})
	at := int64(0)
	for _, e := range entries {
		switch {
		case e.end > data:
			return fmt.Errorf("tensor %s ends at byte %d of the data, which has %d: the file is truncated or damaged",
				printable.Short(e.name), e.end, data)
		case e.info.Offset < at:
			return fmt.Errorf("tensor %s starts at byte %d of the data, inside the tensor before it, which ends at %d",
				printable.Short(e.name), e.info.Offset, at)
		case e.info.Offset > at:
			return fmt.Errorf("tensor %s starts at byte %d of the data and leaves a hole from %d",
				printable.Short(e.name), e.info.Offset, at)
		}
		at = e.end
	}
	if at != data {
		return fmt.Errorf("the tensors end at byte %d of the data, and the %d bytes after that belong to none", at,
			data-at)
	}
	return nil
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// entry parses a tensor's description: exactly dtype, shape and data_offsets, in any order.
func (s *scanner) entry(name string) (entry, error) {
	e := entry{name: name}
	var seen struct{ dtype, shape, offsets bool }
	err := s.object(func(field string) error {
		twice := false
		var err error
		switch field {
		case "dtype":
			twice, seen.dtype = seen.dtype, true
			var text string
			text, err = s.str()
			e.info.DType = DType(text)
		case "shape":
			twice, seen.shape = seen.shape, true
			e.info.Shape, err = s.numbers(MaxRank)
		case "data_offsets":
			twice, seen.offsets = seen.offsets, true
			var pair []int
			if pair, err = s.numbers(2); err == nil && len(pair) != 2 {
				err = fmt.Errorf("data_offsets has %d numbers, not 2", len(pair))
			}
			if err == nil {
				e.info.Offset, e.end = int64(pair[0]), int64(pair[1])
			}
		default:
			return fmt.Errorf("field %s is not one of dtype, shape, data_offsets", printable.Short(field))
		}
		if err == nil && twice {
			err = fmt.Errorf("field %s is given twice", field)
		}
		return err
	})
	switch {
	case err != nil:
		return e, err
	case !seen.dtype:
		return e, errors.New("it has no dtype")
	case !seen.shape:
		return e, errors.New("it has no shape")
	case !seen.offsets:
		return e, errors.New("it has no data_offsets")
	case e.end < e.info.Offset:
		return e, fmt.Errorf("its data_offsets [%d, %d] run backwards", e.info.Offset, e.end)
	}
	if err := e.info.DType.check(); err != nil {
		return e, err
	}
	e.info.Bytes = e.end - e.info.Offset
	want, err := size(e.info.DType, e.info.Shape)
	if err != nil {
		return e, err
	}
	if want != e.info.Bytes {
		return e, fmt.Errorf("%s %v needs %d bytes, its data_offsets hold %d", e.info.DType, e.info.Shape, want,
			e.info.Bytes)
	}
	return e, nil
}

// size returns the bytes of a tensor, or an error if they do not fit in 63 bits.
func size(d DType, shape []int) (int64, error) {
	n := uint64(sizes[d])
	for _, side := range shape {
		if side < 0 {
			return 0, fmt.Errorf("shape %v has a negative side", shape)
		}
		high, low := bits.Mul64(n, uint64(side))
		if high != 0 || low > math.MaxInt64 {
			return 0, fmt.Errorf("shape %v has more elements than a file can hold", shape)
		}
		n = low
	}
	return int64(n), nil
}

// metadata parses the map of strings to strings.
func (s *scanner) metadata() (map[string]string, error) {
	m := map[string]string{}
	err := s.object(func(key string) error {
		if _, twice := m[key]; twice {
			return fmt.Errorf("%s has two entries %s", metadataKey, printable.Short(key))
		}
		if len(m) == MaxMetadata {
			return fmt.Errorf("%s has more than %d entries", metadataKey, MaxMetadata)
		}
		value, err := s.str()
		if err != nil {
			return fmt.Errorf("%s, entry %s: %w", metadataKey, printable.Short(key), err)
		}
		m[key] = value
		return nil
	})
	return m, err
}
