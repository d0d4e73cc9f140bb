// SPDX-License-Identifier: Apache-2.0

package binary16

import (
	"math"
	"testing"
)

// Every binary16 is its own rounding, and a value between two neighbours becomes the nearer one, on a tie the even one.
func TestHalf(t *testing.T) {
	for h := range uint32(1 << 16) {
		h := uint16(h)
		v := Value(h)
		if v != v {
			if w := Value(Round(v)); w == w {
				t.Fatalf("%#04x is not a number and becomes %v", h, w)
			}
			continue
		}
		if got := Round(v); got != h {
			t.Fatalf("%#04x is %v and becomes %#04x", h, v, got)
		}
		next := Value(h + 1)
		if h&0x7fff >= 0x7bff || next != next {
			continue // the next one is infinite
		}
		middle, even := (v+next)/2, h+h&1
		if got := Round(middle); got != even {
			t.Fatalf("%v is between %#04x and %#04x and becomes %#04x", middle, h, h+1, got)
		}
		for _, to := range []struct {
			toward float32
			want   uint16
		}{{v, h}, {next, h + 1}} {
			if got := Round(math.Nextafter32(middle, to.toward)); got != to.want {
				t.Fatalf("%v, close to the middle, becomes %#04x, want %#04x", middle, got, to.want)
			}
		}
	}
}
