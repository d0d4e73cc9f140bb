// SPDX-License-Identifier: Apache-2.0

package embedding

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxFooter bounds the description at a Parquet file's end, which the library reads into memory.
const maxFooter = 64 << 20

// errFooter is a footer that cannot be one.
var errFooter = errors.New("its footer is damaged")

// checkFooter refuses a Parquet footer that says it is longer than the file, or has a list longer than itself: the
// library takes memory for what they say before it reads them.
func checkFooter(f io.ReaderAt, size int64) error {
	var tail [8]byte
	if _, err := f.ReadAt(tail[:], size-int64(len(tail))); size < 12 || err != nil {
		return errors.New("it is too short")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(tail[4:]) != "PAR1" {
		return errors.New("it does not end as one: it is cut off, or not complete yet")
	}
	if n > size-12 || n > maxFooter {
		return fmt.Errorf("%w: it says that it has %d bytes", errFooter, n)
	}
	text := make([]byte, n)
	if _, err := f.ReadAt(text, size-8-n); err != nil {
		return err
	}
	c := compact{text}
	return c.structure(0)
}

// compact walks over values in Thrift's compact protocol
// (github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md), without keeping them.
type compact struct{ rest []byte }

// The types of the protocol's values.
const (
	compactTrue, compactFalse, compactByte, compactI16, compactI32, compactI64 = 1, 2, 3, 4, 5, 6
	compactDouble, compactBinary, compactList, compactSet, compactMap          = 7, 8, 9, 10, 11
	compactStruct                                                              = 12
)

// deepest is how deep values may be nested; those of Parquet are less than ten deep.
const deepest = 32

func (c *compact) structure(depth int) error {
	for {
		head, err := c.byte()
		if err != nil || head == 0 {
			return err
		}
		if head>>4 == 0 { // the number of the field follows
			if _, err := c.number(); err != nil {
				return err
			}
		}
		kind := head & 0xf
		if kind == compactTrue || kind == compactFalse {
			continue // the type is the value
		}
		if err := c.value(kind, depth+1); err != nil {
			return err
		}
	}
}

func (c *compact) value(kind byte, depth int) error {
	if depth > deepest {
		return errFooter
	}
	switch kind {
	case compactTrue, compactFalse, compactByte:
		return c.skip(1)
	case compactI16, compactI32, compactI64:
		_, err := c.number()
		return err
	case compactDouble:
		return c.skip(8)
	case compactBinary:
		n, err := c.number()
		if err != nil {
			return err
		}
		return c.skip(n)
	case compactList, compactSet:
		head, err := c.byte()
		if err != nil {
			return err
		}
		n := uint64(head >> 4)
		if n == 0xf {
			if n, err = c.number(); err != nil {
				return err
			}
		}
		return c.values(n, depth, head&0xf)
	case compactMap:
		n, err := c.number()
		if err != nil || n == 0 {
			return err
		}
		kinds, err := c.byte()
		if err != nil {
			return err
		}
		return c.values(n, depth, kinds>>4, kinds&0xf)
	case compactStruct:
		return c.structure(depth)
	}
	return errFooter
}

// values walks over n times a value of each of the kinds. A value has a byte at least.
func (c *compact) values(n uint64, depth int, kinds ...byte) error {
	if n > uint64(len(c.rest)) {
		return fmt.Errorf("%w: it has a list of %d", errFooter, n)
	}
	for range n {
		for _, kind := range kinds {
			if err := c.value(kind, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *compact) byte() (byte, error) {
	if len(c.rest) == 0 {
		return 0, errFooter
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b, nil
}

func (c *compact) number() (uint64, error) {
	n, size := binary.Uvarint(c.rest)
	if size <= 0 {
		return 0, errFooter
	}
	c.rest = c.rest[size:]
	return n, nil
}

func (c *compact) skip(n uint64) error {
	if n > uint64(len(c.rest)) {
		return errFooter
	}
	c.rest = c.rest[n:]
	return nil
}
