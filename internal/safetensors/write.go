// SPDX-License-Identifier: Apache-2.0

package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// Tensor is a named array: Data holds its elements in row-major order, each in little-endian order. Where Read is set,
// it returns what Data would hold when the tensor is written, in the memory of room if there is enough: so many tensors
// need not be in memory at once.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte
	Read  func(room []byte) []byte
}

// Write writes a file. The order of tensors does not matter. As in the reference, larger elements come first (so that
// each is aligned), then names in order, and the header's keys are sorted. Equal content gives equal bytes, the same as
// those of Python's safetensors.
func Write(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	order := slices.Clone(tensors)
	slices.SortFunc(order, func(a, b Tensor) int {
		if rank := b.DType.rank() - a.DType.rank(); rank != 0 {
			return rank
		}
		return strings.Compare(a.Name, b.Name)
	})
	text, err := describe(order, metadata)
	if err != nil {
		return fmt.Errorf("writing safetensors: %w", err)
	}
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(text)))); err != nil {
		return fmt.Errorf("writing safetensors header: %w", err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("writing safetensors header: %w", err)
	}
	var room []byte
	for _, t := range order {
		data := t.Data
		if t.Read != nil {
			data = t.Read(room)
			room = data
		}
		if want, _ := size(t.DType, t.Shape); want != int64(len(data)) {
			return fmt.Errorf("writing tensor %s: %s %v needs %d bytes and has %d", printable.Short(t.Name), t.DType,
				t.Shape, want, len(data))
		}
		if _, err := w.Write(data); err != nil {
			return fmt.Errorf("writing tensor %s: %w", printable.Short(t.Name), err)
		}
	}
	return nil
}

// ranks is the order of the reference's Dtype enumeration, by which it sorts (tensor.rs).
var ranks = []DType{Bool, U8, I8, I16, F16, BF16, I32, F32, F64, I64}

func (d DType) rank() int { return slices.Index(ranks, d) }

// describe returns the header of tensors in order, padded with spaces to a multiple of 8 bytes.
func describe(order []Tensor, metadata map[string]string) (string, error) {
	var b strings.Builder
	b.WriteByte('{')
	if len(metadata) > 0 {
		b.WriteString(`"` + metadataKey + `":{`)
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if i > 0 {
				b.WriteByte(',')
			}
			if !utf8.ValidString(key) || !utf8.ValidString(metadata[key]) {
				return "", fmt.Errorf("metadata entry %s is not valid UTF-8", printable.Short(key))
			}
			writeString(&b, key)
			b.WriteByte(':')
			writeString(&b, metadata[key])
		}
		b.WriteByte('}')
	}
	at := int64(0)
	names := make(map[string]bool, len(order))
	for _, t := range order {
		if err := t.check(names); err != nil {
			return "", fmt.Errorf("tensor %s: %w", printable.Short(t.Name), err)
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		writeString(&b, t.Name)
		sides := make([]string, len(t.Shape))
		for i, side := range t.Shape {
			sides[i] = strconv.Itoa(side)
		}
		bytes, _ := size(t.DType, t.Shape) // checked above
		end := at + bytes
		fmt.Fprintf(&b, `:{"dtype":%q,"shape":[%s],"data_offsets":[%d,%d]}`, string(t.DType), strings.Join(sides, ","), at, end)
		at = end
	}
	b.WriteByte('}')
	if pad := b.Len() % 8; pad != 0 {
		b.WriteString(strings.Repeat(" ", 8-pad))
	}
	if b.Len() > MaxHeader || len(order) > MaxTensors || len(metadata) > MaxMetadata {
		return "", fmt.Errorf("%d tensors and %d metadata entries make a header too large to be read back", len(order),
			len(metadata))
	}
	return b.String(), nil
}

// check refuses a tensor that could not be read back. names holds the names before it.
func (t Tensor) check(names map[string]bool) error {
	switch {
	case t.Name == metadataKey:
		return errors.New("the format keeps this name for metadata")
	case !utf8.ValidString(t.Name):
		return errors.New("its name is not valid UTF-8")
	case names[t.Name]:
		return errors.New("two tensors have this name")
	case len(t.Shape) > MaxRank:
		return fmt.Errorf("it has %d dimensions, more than %d", len(t.Shape), MaxRank)
	}
	names[t.Name] = true
	if err := t.DType.check(); err != nil {
		return err
	}
	want, err := size(t.DType, t.Shape)
	if err != nil {
		return err
	}
	if t.Read == nil && want != int64(len(t.Data)) {
		return fmt.Errorf("%s %v needs %d bytes and has %d", t.DType, t.Shape, want, len(t.Data))
	}
	return nil
}

// writeString writes a JSON string as the reference does: only what JSON must escape is escaped.
func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ':
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
