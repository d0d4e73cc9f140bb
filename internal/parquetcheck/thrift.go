// SPDX-License-Identifier: Apache-2.0

package parquetcheck

import (
	"encoding/binary"
	"errors"
)

// errThrift is the error of bytes that are not a structure of Parquet's.
var errThrift = errors.New("a structure or list is not whole")

// The types of the compact protocol's values
// (github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
const (
	isTrue = 1 + iota
	isFalse
	isByte
	isI16
	isI32
	isI64
	isDouble
	isBinary
	isList
	isSet
	_ // a map, which no structure of Parquet has
	isStruct
)

const (
	deepest     = 32 // levels of values in values; those of Parquet are less than ten
	leastStruct = 3  // bytes of a structure in a list: a field's type, its value, the end
)

// structLength returns the length of the structure that b begins with, in Thrift's compact protocol. It is an error if
// the structure is not whole, or if a list claims more elements than its bytes can hold.
func structLength(b []byte) (int, error) {
	w := thriftWalk{rest: b}
	err := w.structure(0)
	return len(b) - len(w.rest), err
}

// thriftWalk passes over values without keeping them.
type thriftWalk struct{ rest []byte }

func (w *thriftWalk) structure(depth int) error {
	for {
		head, err := w.byte()
		if err != nil || head == 0 {
			return err
		}
		if head>>4 == 0 { // the number of the field follows
			if _, err := w.number(); err != nil {
				return err
			}
		}
		kind := head & 15
		if kind == isTrue || kind == isFalse {
			continue // the type is the value
		}
		if err := w.value(kind, depth+1); err != nil {
			return err
		}
	}
}

func (w *thriftWalk) value(kind byte, depth int) error {
	if depth > deepest {
		return errThrift
	}
	switch kind {
	case isTrue, isFalse, isByte:
		return w.skip(1)
	case isI16, isI32, isI64:
		_, err := w.number()
		return err
	case isDouble:
		return w.skip(8)
	case isBinary:
		n, err := w.number()
		if err != nil {
			return err
		}
		return w.skip(n)
	case isList, isSet:
		return w.list(depth)
	case isStruct:
		return w.structure(depth)
	}
	return errThrift
}

func (w *thriftWalk) list(depth int) error {
	head, err := w.byte()
	if err != nil {
		return err
	}
	n, kind := uint64(head>>4), head&15
	if n == 15 {
		if n, err = w.number(); err != nil {
			return err
		}
	}
	least := uint64(1)
	if kind == isStruct {
		least = leastStruct
	}
	if n > uint64(len(w.rest))/least {
		return errThrift
	}
	for range n {
		if err := w.value(kind, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *thriftWalk) byte() (byte, error) {
	if len(w.rest) == 0 {
		return 0, errThrift
	}
	b := w.rest[0]
	w.rest = w.rest[1:]
	return b, nil
}

func (w *thriftWalk) number() (uint64, error) {
	v, n := binary.Uvarint(w.rest)
	if n <= 0 {
		return 0, errThrift
	}
	w.rest = w.rest[n:]
	return v, nil
}

func (w *thriftWalk) skip(n uint64) error {
	if n > uint64(len(w.rest)) {
		return errThrift
	}
	w.rest = w.rest[n:]
	return nil
}
