// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// TestAdmit tells pictures from bombs by what the header says and how large the file is.
func TestAdmit(t *testing.T) {
	o := Options{}.withDefaults()
	for _, c := range []struct {
		name  string
		h     header
		bytes int
		bomb  bool
	}{
		{"blank page of A4, 400 dpi, CCITT", header{w: 3307, h: 4677, bits: 1, by: blank, buffer: 1}, 900, false},
		{"text of A4, 600 dpi, CCITT", header{w: 4961, h: 7016, bits: 1, by: blank, buffer: 1}, 60_000, false},
		{"drawing of A0, 400 dpi, CCITT", header{w: 13244, h: 18724, bits: 1, by: blank, buffer: 1}, 500_000, false},
		{"photo of 100 megapixels", header{w: 11648, h: 8736, bits: 12, by: huffman}, 30_000_000, false},
		{"scan of 20,000 x 10,000, PNG", header{w: 20000, h: 10000, bits: 24, by: deflate}, 40_000_000, false},
		{"the same, in black and white", header{w: 20000, h: 10000, bits: 1, by: deflate}, 800_000, false},
		{"screenshot of 8K", header{w: 7680, h: 4320, bits: 24, by: deflate}, 900_000, false},
		{"PNG of 1 bit", header{w: 13300, h: 13300, bits: 1, by: deflate}, 21_500, true},
		{"PNG of 16 bits", header{w: 9000, h: 9000, bits: 64, by: deflate}, 630_000, true},
		{"one colour, JPEG 4:2:0", header{w: 13000, h: 13000, bits: 12, by: huffman}, 2_650_000, true},
		{"one colour, JPEG 4:4:4", header{w: 13000, h: 13000, bits: 24, by: huffman}, 4_600_000, true},
		{"one grey, JPEG", header{w: 13000, h: 13000, bits: 8, by: huffman}, 2_000_000, true},
		{"one colour, GIF", header{w: 13000, h: 13000, bits: 8, by: lzwCodes}, 130_000, true},
		{"one colour, run lengths", header{w: 13000, h: 13000, bits: 8, by: runs, buffer: 4}, 1_400_000, true},
		{"white, pack bits", header{w: 13300, h: 13300, bits: 1, by: packBits, buffer: 1}, 350_000, true},
		{"many scans", header{w: 4000, h: 4000, bits: 8, by: huffman, buffer: 3, scans: 499}, 600_000, true},
		{"white, CCITT", header{w: 13300, h: 13300, bits: 1, by: blank, buffer: 1}, 2_000, true},
	} {
		if err := o.admit(c.h, c.bytes); errors.Is(err, ErrBomb) != c.bomb || err != nil && !c.bomb {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := o.admit(header{w: 1 << 21, h: 1, bits: 1, by: blank, buffer: 1}, 1000); err == nil {
		t.Error("a side of two million pixels is admitted")
	}
}

// TestBudget decodes from many goroutines and counts what they hold together.
func TestBudget(t *testing.T) {
	const size = 1 << 20
	b := NewBudget(size)
	var now, most atomic.Int64
	var workers sync.WaitGroup
	for w := range 8 {
		workers.Go(func() {
			for k := range 200 {
				lease := b.File(1000)
				peak := int64(1+(w*31+k*17)%10) * 60_000
				if err := lease.image(peak, k%3 == 0); err != nil {
					t.Error(err)
				}
				if n := now.Add(peak); n > most.Load() {
					most.Store(n)
				}
				now.Add(-peak)
				lease.ReleaseFile()
				lease.Release()
				lease.Release() // does nothing
			}
		})
	}
	workers.Wait()
	if most.Load() > size {
		t.Errorf("%d bytes were held of %d", most.Load(), size)
	}
	lease := b.File(0)
	defer lease.Release()
	if err := lease.image(size+1, false); !errors.Is(err, ErrMemory) {
		t.Errorf("an image larger than the budget: %v", err)
	}
	if err := newBudget(100, 200).File(0).image(150, false); err != nil {
		t.Errorf("an image larger than the default budget must wait until it is alone: %v", err)
	}
}
