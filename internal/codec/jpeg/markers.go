// SPDX-License-Identifier: Apache-2.0

package jpeg

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The markers of T.81, table B.1, that are told apart here.
const (
	markerTEM  = 0x01
	markerSOF0 = 0xc0
	markerDHT  = 0xc4
	markerDAC  = 0xcc
	markerRST0 = 0xd0
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerDQT  = 0xdb
	markerDNL  = 0xdc
	markerDRI  = 0xdd
	markerAPP0 = 0xe0
	markerCOM  = 0xfe
)

// maxScans bounds the scans of a file: a few bytes a scan could keep the decoder busy for minutes.
const maxScans = 500

var errCut = errors.New("the JPEG data is cut short")

// decoder is the state of reading one file, which the markers before a scan set.
type decoder struct {
	data  []byte
	pos   int
	frame *frame

	quant    [4]*quantTable
	huffman  [2][4]*huffmanSpec // DC, AC
	typical  bool               // a scan uses a table that the file lacks
	arith    conditioning
	interval int // MCUs between restarts; 0: none

	jfif  bool
	adobe int // the transform of the Adobe marker; -1: there is none
	scans int
}

func newDecoder(data []byte) *decoder {
	return &decoder{data: data, adobe: -1, arith: defaultConditioning}
}

// walk reads the markers up to the end of the image. At each scan, with d.pos at its entropy-coded data, it calls
// visit, which leaves d.pos behind that data or inside it: what is left of it is skipped.
func (d *decoder) walk(visit func(*scan) error) error {
	if len(d.data) < 2 || d.data[0] != 0xff || d.data[1] != markerSOI {
		return errors.New("not a JPEG file: no start-of-image marker")
	}
	d.pos = 2
	for {
		m, err := d.nextMarker()
		if err != nil {
			return err
		}
		switch {
		case m == markerEOI:
			return d.complete()
		case m == markerTEM, m >= markerRST0 && m < markerRST0+8:
			continue // no parameters
		case m == markerSOI:
			return errors.New("a second start-of-image marker in a JPEG image")
		}
		segment, err := d.segment()
		if err != nil {
			return err
		}
		if m == markerSOS {
			err = d.visitScan(segment, visit)
		} else {
			err = d.table(m, segment)
		}
		if err != nil {
			return err
		}
	}
}

// nextMarker finds the next marker, over fill bytes and bytes that belong to no segment.
func (d *decoder) nextMarker() (byte, error) {
	for d.pos+1 < len(d.data) {
		if d.data[d.pos] == 0xff && d.data[d.pos+1] != 0xff && d.data[d.pos+1] != 0 {
			d.pos += 2
			return d.data[d.pos-1], nil
		}
		d.pos++
	}
	return 0, errCut
}

// segment returns the parameters of a marker, without their length.
func (d *decoder) segment() ([]byte, error) {
	if d.pos+2 > len(d.data) {
		return nil, errCut
	}
	n := int(binary.BigEndian.Uint16(d.data[d.pos:]))
	if n < 2 {
		return nil, fmt.Errorf("a JPEG segment has the length %d", n)
	}
	if d.pos+n > len(d.data) {
		return nil, errCut
	}
	s := d.data[d.pos+2 : d.pos+n]
	d.pos += n
	return s, nil
}

// table reads a segment that is not a scan.
func (d *decoder) table(m byte, s []byte) error {
	switch {
	case m == markerDHT:
		return d.readHuffman(s)
	case m == markerDAC:
		return d.arith.read(s)
	case m == markerDQT:
		return d.readQuant(s)
	case m == markerDRI:
		if len(s) != 2 {
			return errLength("DRI")
		}
		d.interval = int(binary.BigEndian.Uint16(s))
		return nil
	case m >= markerSOF0 && m <= markerSOF0+15:
		return d.readFrame(m, s)
	case m == markerAPP0:
		// 14 bytes are what libjpeg wants to see of the segment.
		d.jfif = d.jfif || len(s) >= 14 && string(s[:5]) == "JFIF\x00"
		return nil
	case m == markerAPP0+14:
		if len(s) >= 12 && string(s[:5]) == "Adobe" {
			d.adobe = int(s[11])
		}
		return nil
	case m == markerDNL, m > markerAPP0 && m < markerAPP0+16, m == markerCOM:
		return nil
	}
	return fmt.Errorf("unknown JPEG marker %#x", m)
}

func errLength(segment string) error {
	return fmt.Errorf("the JPEG segment %s has a wrong length", segment)
}
