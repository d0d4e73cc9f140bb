// SPDX-License-Identifier: Apache-2.0

// Package heif reads what the header of a HEIC or AVIF file says of its primary image: its size, its colours, and how
// it is turned (ISO/IEC 23008-12; the boxes are those of ISO/IEC 14496-12). It decodes nothing.
package heif

import (
	"encoding/binary"
	"errors"
	"slices"
)

// The formats that Kind tells apart.
const (
	HEIC = "HEIC" // coded as HEVC
	AVIF = "AVIF" // coded as AV1
)

// Kind returns the format of a file that begins with head, by the brands in its first box; "" for others, such as
// videos.
func Kind(head []byte) string {
	if len(head) < 16 || string(head[4:8]) != "ftyp" {
		return ""
	}
	size := int(min(binary.BigEndian.Uint32(head), uint32(len(head))))
	kind := ""
	for at := 8; at+4 <= size; at += 4 {
		if at == 12 {
			continue // the version
		}
		switch brand := string(head[at : at+4]); brand {
		case "avif", "avis":
			return AVIF
		case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1":
			if kind == "" {
				kind = HEIC
			}
		case "mp41", "mp42", "isom", "qt  ", "crx ", "jpeg":
			if at == 8 {
				return ""
			}
		}
	}
	return kind
}

// Picture is what a header says of the primary image.
type Picture struct {
	W, H        int  // pixels before it is turned, of the largest of the file's images
	Orientation int  // as in EXIF, 1 to 8
	FullRange   bool // samples are 0 to 255, not 16 to 235
	Matrix      int  // of colours, by its number in ITU-T H.273, table 4
}

// Coefficients returns the weights of red and blue in the luma (ITU-T H.273, table 4).
func (p Picture) Coefficients() (kr, kb float64) {
	switch p.Matrix {
	case 1:
		return 0.2126, 0.0722
	case 4:
		return 0.30, 0.11
	case 7:
		return 0.212, 0.087
	case 9, 10:
		return 0.2627, 0.0593
	}
	return 0.299, 0.114
}

var errDamaged = errors.New("its header is damaged or cut short")

// Limits of a header. Phones write some hundred items, one for each tile.
const (
	mostProperties = 1 << 14
	mostItems      = 1 << 16
)

// property is a property of images that counts here.
type property struct {
	kind string
	data []byte
}

// Parse reads the header of a HEIC or AVIF file.
func Parse(data []byte) (Picture, error) {
	p := Picture{Orientation: 1, FullRange: true, Matrix: 6}
	meta, ok := find(data, "meta")
	if !ok || len(meta) < 4 {
		return p, errDamaged
	}
	meta = meta[4:] // version and flags
	primary, err := primaryItem(meta)
	if err != nil {
		return p, err
	}
	iprp, ok := find(meta, "iprp")
	if !ok {
		return p, errDamaged
	}
	ipco, ok := find(iprp, "ipco")
	if !ok {
		return p, errDamaged
	}
	var all []property
	err = boxes(ipco, func(kind string, body []byte) error {
		if len(all) == mostProperties {
			return errDamaged
		}
		all = append(all, property{kind, body})
		return p.size(kind, body)
	})
	if err != nil {
		return p, err
	}
	if p.W == 0 {
		return p, errDamaged
	}
	ipma, _ := find(iprp, "ipma")
	of, err := associations(ipma, primary)
	if err != nil {
		return p, err
	}
	angle, axis := 0, -1
	for _, i := range of {
		if i < 1 || i > len(all) {
			continue // 0 is none
		}
		switch one := all[i-1]; {
		case one.kind == "irot" && len(one.data) >= 1:
			angle = int(one.data[0] & 3)
		case one.kind == "imir" && len(one.data) >= 1:
			axis = int(one.data[0] & 1)
		case one.kind == "colr" && len(one.data) >= 11 && string(one.data[:4]) == "nclx":
			p.Matrix = int(binary.BigEndian.Uint16(one.data[8:]))
			p.FullRange = one.data[10]&0x80 != 0
		}
	}
	p.Orientation = orientation(angle, axis)
	return p, nil
}

// size takes the size in a property ispe if it is the largest so far.
func (p *Picture) size(kind string, body []byte) error {
	if kind != "ispe" {
		return nil
	}
	if len(body) < 12 {
		return errDamaged
	}
	w, h := int64(binary.BigEndian.Uint32(body[4:])), int64(binary.BigEndian.Uint32(body[8:]))
	const most = 1 << 30
	if w < 1 || h < 1 || w > most || h > most {
		return errDamaged
	}
	if w*h > int64(p.W)*int64(p.H) {
		p.W, p.H = int(w), int(h)
	}
	return nil
}

// orientation returns the EXIF orientation of a picture that is turned by angle quarters against the clock, and then
// mirrored: top to bottom (axis 0) or left to right (1).
func orientation(angle, axis int) int {
	return [4][3]int{{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}}[angle][axis+1]
}

// primaryItem returns the number of the primary image.
func primaryItem(meta []byte) (int, error) {
	body, ok := find(meta, "pitm")
	switch {
	case ok && len(body) >= 6 && body[0] == 0:
		return int(binary.BigEndian.Uint16(body[4:])), nil
	case ok && len(body) >= 8 && body[0] > 0:
		return int(binary.BigEndian.Uint32(body[4:])), nil
	}
	return 0, errDamaged
}

// associations returns the numbers of the properties of an item, which count from 1.
func associations(ipma []byte, item int) ([]int, error) {
	if len(ipma) < 8 {
		return nil, errDamaged
	}
	wide, long := ipma[0] > 0, ipma[3]&1 != 0
	n := binary.BigEndian.Uint32(ipma[4:])
	at := 8
	next := func(size int) (v int, ok bool) {
		if at+size > len(ipma) {
			return 0, false
		}
		for _, b := range ipma[at : at+size] {
			v = v<<8 | int(b)
		}
		at += size
		return v, true
	}
	idSize, size := 2, 1
	if wide {
		idSize = 4
	}
	if long {
		size = 2
	}
	for range min(n, mostItems) {
		id, ok := next(idSize)
		count, ok2 := next(1)
		if !ok || !ok2 {
			return nil, errDamaged
		}
		of := make([]int, 0, count)
		for range count {
			v, ok := next(size)
			if !ok {
				return nil, errDamaged
			}
			of = append(of, v&(1<<(8*size-1)-1)) // the first bit says whether a reader must know the property
		}
		if id == item {
			return of, nil
		}
	}
	return nil, nil
}

// errFound ends the walk of find.
var errFound = errors.New("found")

// find returns the content of the first box of a kind.
func find(data []byte, kind string) (body []byte, ok bool) {
	err := boxes(data, func(k string, b []byte) error {
		if k == kind {
			body = b
			return errFound
		}
		return nil
	})
	return body, errors.Is(err, errFound)
}

// boxes calls do with the kind and the content of each box.
func boxes(data []byte, do func(kind string, body []byte) error) error {
	for len(data) >= 8 {
		size, head := uint64(binary.BigEndian.Uint32(data)), uint64(8)
		kind := string(data[4:8])
		switch size {
		case 0: // to the end
			size = uint64(len(data))
		case 1:
			if len(data) < 16 {
				return errDamaged
			}
			size, head = binary.BigEndian.Uint64(data[8:]), 16
		}
		if size < head || size > uint64(len(data)) && !slices.Contains([]string{"mdat", "idat"}, kind) {
			return errDamaged
		}
		size = min(size, uint64(len(data)))
		if err := do(kind, data[head:size]); err != nil {
			return err
		}
		data = data[size:]
	}
	return nil
}
