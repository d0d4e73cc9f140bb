// SPDX-License-Identifier: Apache-2.0

package jpeg

import "errors"

// block is 8x8 coefficients, row by row.
type block [64]int16

// quantTable is the step of each coefficient, row by row. libjpeg-turbo's vector code keeps 16 bits of a step and of
// its product with a coefficient.
type quantTable [64]int16

// zigzag is the place in a block of each coefficient of the data (T.81, figure A.6). A run of zeros in damaged data can
// lead up to 16 behind the last: like libjpeg's, they overwrite it.
var zigzag = [80]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
	63, 63, 63, 63, 63, 63, 63, 63,
	63, 63, 63, 63, 63, 63, 63, 63,
}

// readQuant reads quantization tables (T.81, B.2.4.1).
func (d *decoder) readQuant(s []byte) error {
	for len(s) > 0 {
		id, size := s[0]&15, 1+int(s[0]>>4&1)
		if s[0]>>4 > 1 || id > 3 {
			return errors.New("a JPEG quantization table that cannot be")
		}
		s = s[1:]
		if len(s) < 64*size {
			return errLength("DQT")
		}
		t := &quantTable{}
		for k := range 64 {
			if size == 1 {
				t[zigzag[k]] = int16(s[k])
			} else {
				t[zigzag[k]] = int16(uint16(s[2*k])<<8 | uint16(s[2*k+1]))
			}
		}
		d.quant[id], s = t, s[64*size:]
	}
	return nil
}

// huffmanSpec is a Huffman table as the file gives it (T.81, B.2.4.2): how many codes of each length, and their
// symbols.
type huffmanSpec struct {
	counts  [17]int
	symbols [256]uint8
}

func (d *decoder) readHuffman(s []byte) error {
	for len(s) > 0 {
		if len(s) < 17 {
			return errLength("DHT")
		}
		class, id := s[0]>>4, s[0]&15
		if class > 1 || id > 3 {
			return errors.New("a JPEG Huffman table that cannot be")
		}
		t, n := &huffmanSpec{}, 0
		for i := 1; i <= 16; i++ {
			t.counts[i] = int(s[i])
			n += int(s[i])
		}
		if s = s[17:]; n > 256 || n > len(s) {
			return errors.New("a JPEG Huffman table with more codes than it can have")
		}
		copy(t.symbols[:], s[:n])
		d.huffman[class][id], s = t, s[n:]
	}
	return nil
}

// conditioning is what arithmetic coding may be told of the image (T.81, B.2.4.3), by table.
type conditioning struct {
	lower, upper [16]uint8 // DC
	kx           [16]uint8 // AC
}

var defaultConditioning = func() (c conditioning) {
	for i := range 16 {
		c.upper[i], c.kx[i] = 1, 5
	}
	return c
}()

func (c *conditioning) read(s []byte) error {
	if len(s)%2 != 0 {
		return errLength("DAC")
	}
	for ; len(s) > 0; s = s[2:] {
		id, value := s[0]&15, s[1]
		switch s[0] >> 4 {
		case 0:
			if c.lower[id], c.upper[id] = value&15, value>>4; c.lower[id] > c.upper[id] {
				return errors.New("a JPEG conditioning table that cannot be")
			}
		case 1:
			c.kx[id] = value
		default:
			return errors.New("a JPEG conditioning table that cannot be")
		}
	}
	return nil
}
