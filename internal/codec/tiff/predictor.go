// SPDX-License-Identifier: Apache-2.0

package tiff

import "fmt"

// undoPredictor returns what undoes the page's predictor in a row; nil if it has none. A predictor goes with LZW and
// its successors only.
func (p *page) undoPredictor() (func(row []uint8), error) {
	switch p.compression {
	case LZW, Deflate, oldDeflate, zstandard, lzma:
	default:
		return nil, nil
	}
	step := p.samples / p.planes
	switch {
	case p.predictor == 1:
		return nil, nil
	case p.predictor == 2 && p.bits == 8:
		return func(row []uint8) {
			for i := step; i < len(row); i++ {
				row[i] += row[i-step]
			}
		}, nil
	case p.predictor == 2 && p.bits == 16:
		return func(row []uint8) {
			for i := 2 * step; i+2 <= len(row); i += 2 {
				p.order.PutUint16(row[i:], p.order.Uint16(row[i:])+p.order.Uint16(row[i-2*step:]))
			}
		}, nil
	case p.predictor == 2 && p.bits == 32:
		return func(row []uint8) {
			for i := 4 * step; i+4 <= len(row); i += 4 {
				p.order.PutUint32(row[i:], p.order.Uint32(row[i:])+p.order.Uint32(row[i-4*step:]))
			}
		}, nil
	case p.predictor == 2 && p.bits == 64:
		return func(row []uint8) {
			for i := 8 * step; i+8 <= len(row); i += 8 {
				p.order.PutUint64(row[i:], p.order.Uint64(row[i:])+p.order.Uint64(row[i-8*step:]))
			}
		}, nil
	case p.predictor == 3 && p.format == 3 && (p.bits == 32 || p.deep && (p.bits == 16 || p.bits == 64)):
		return p.undoFloat(step), nil
	}
	return nil, fmt.Errorf("the predictor %d for samples of %d bits (format %d)", p.predictor, p.bits, p.format)
}

// undoFloat undoes the predictor of floating-point samples (TIFF technical note 3): the first bytes of all samples,
// then the second ones, and so on, all of them as differences.
func (p *page) undoFloat(step int) func(row []uint8) {
	var planes []uint8
	size := p.bits / 8
	return func(row []uint8) {
		for i := step; i < len(row); i++ {
			row[i] += row[i-step]
		}
		planes = append(planes[:0], row...)
		n := len(row) / size
		for i := range n {
			for b := range size {
				at := size*i + b // the first byte is the highest one
				if p.little() {
					at = size*i + size - 1 - b
				}
				row[at] = planes[b*n+i]
			}
		}
	}
}
