// SPDX-License-Identifier: Apache-2.0

package views

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// npy returns a version 1 file with the given header and values.
func npy(header, body string) []byte {
	data := []byte("\x93NUMPY\x01\x00")
	data = binary.LittleEndian.AppendUint16(data, uint16(len(header)))
	return append(append(data, header...), body...)
}

func TestParseNPY(t *testing.T) {
	got, err := parseNPY(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }\n", "abcdef"))
	if d := cmp.Diff(&array{Shape: []int{1, 2, 3}, U8: []uint8("abcdef")}, got); err != nil || d != "" {
		t.Error(err, d)
	}
	got, err = parseNPY(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n",
		"\x00\x00\x80\x3f\x00\x00\x00\xc0"))
	if d := cmp.Diff(&array{Shape: []int{2}, F32: []float32{1, -2}}, got); err != nil || d != "" {
		t.Error(err, d)
	}
	for _, c := range []struct {
		data []byte
		want string
	}{
		{[]byte("hello"), "not an .npy file"},
		{npy("{}", ""), "lacks descr"},
		{npy("{'descr': '|u1', 'fortran_order': True, 'shape': (1,), }", "a"), "Fortran"},
		{npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", "a"), "<i8"},
		{npy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", "a"), "1 bytes"},
		{npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999, 99999, 99999), }", ""), "too large"},
		{npy("{'descr': '|u1'", "")[:12], "cut short"},
	} {
		if _, err := parseNPY(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.data, err, c.want)
		}
	}
}

// FuzzParseNPY feeds the reader arbitrary bytes: it may refuse them, but not panic.
func FuzzParseNPY(f *testing.F) {
	f.Add(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }\n", "abcdef"))
	f.Add([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := parseNPY(data); err == nil && (a.U8 == nil) == (a.F32 == nil) {
			t.Errorf("neither or both kinds of values in %+v", a)
		}
	})
}
