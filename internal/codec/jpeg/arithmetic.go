// SPDX-License-Identifier: Apache-2.0

package jpeg

// arithmetic decodes the data of a scan that is arithmetic-coded (T.81, annexes D and F.2.4, G.2).
type arithmetic struct {
	data  []byte
	pos   int
	c     uint32 // the code register: its upper half is compared with a
	a     uint32 // the interval's size
	count int    // shifts until the next byte comes in
	bad   bool   // a number was larger than it can be

	conditioning conditioning
	dc, ac       [16]*[statistics]bin
	fixed        bin // for decisions of equal probability
	s            *scan
	process      func(*arithmetic, *scanComponent, *block)
}

// statistics is the size of a table's statistics areas (T.81, tables F.4 and F.5); those of DC need fewer.
const statistics = 256

func (d *decoder) newArithmetic(s *scan) *arithmetic {
	a := &arithmetic{data: d.data, conditioning: d.arith, s: s, process: (*arithmetic).sequential}
	if d.frame.progressive {
		a.process = a.progressive()
	}
	return a
}

func (a *arithmetic) restart(pos int) {
	a.pos = pos
	for _, c := range a.s.components {
		a.dc[c.dcTable], a.ac[c.acTable] = &[statistics]bin{}, &[statistics]bin{}
	}
	a.fixed = bin{state: fixedState}
	// T.81, figure D.22.
	a.c, a.a, a.count = 0, 0x10000, 0
	a.byteIn()
	a.c <<= 8
	a.byteIn()
	a.c <<= 8
}

// end cannot tell whether data is missing: zeros may follow it without end (T.81, D.1.8).
func (a *arithmetic) end() (int, error) {
	if a.bad {
		return a.pos, errDamaged
	}
	return a.pos, nil
}

func (a *arithmetic) decode(c *scanComponent, b *block) error {
	if a.process(a, c, b); a.bad {
		return errDamaged
	}
	return nil
}

// byteIn adds a byte of the data (T.81, figure D.21), or zero at a marker.
func (a *arithmetic) byteIn() {
	if a.pos >= len(a.data) {
		return
	}
	v := a.data[a.pos]
	if v != 0xff {
		a.c += uint32(v) << 8
		a.pos++
		return
	}
	at := a.pos
	for at < len(a.data) && a.data[at] == 0xff {
		at++
	}
	if at < len(a.data) && a.data[at] == 0 {
		a.c += 0xff00
		a.pos = at + 1
	}
}

// bin is the statistics of one kind of decision: the state of its probability's estimate, and the likelier decision.
type bin struct {
	state, likely uint8
}

// decision decodes a binary decision (T.81, figures D.16 to D.20).
func (a *arithmetic) decision(b *bin) bool {
	s := &estimates[b.state]
	a.a -= s.qe
	var likely bool
	if a.c>>16 < a.a {
		if a.a >= 0x8000 {
			return b.likely != 0
		}
		likely = a.a >= s.qe
	} else {
		likely = a.a < s.qe
		a.c -= a.a << 16
		a.a = s.qe
	}
	d := b.likely
	if likely {
		b.state = s.nextLikely
	} else {
		d ^= 1
		b.likely ^= s.exchange
		b.state = s.nextUnlikely
	}
	for {
		if a.count == 0 {
			a.byteIn()
			a.count = 8
		}
		a.a <<= 1
		a.c <<= 1
		a.count--
		if a.a >= 0x8000 {
			return d != 0
		}
	}
}

// difference decodes the difference of a DC coefficient from its prediction (T.81, F.1.4.1 and F.1.4.4.1).
func (a *arithmetic) difference(c *scanComponent) int {
	bins := a.dc[c.dcTable]
	at := c.class
	if !a.decision(&bins[at]) {
		c.class = 0
		return 0
	}
	negative := a.decision(&bins[at+1])
	at += 2
	sign := 0
	if negative {
		at, sign = at+1, 1
	}
	const x1 = 20
	m := 0
	if a.decision(&bins[at]) {
		m, at = a.category(bins[:], x1, 1)
	}
	switch {
	case m < 1<<a.conditioning.lower[c.dcTable]>>1:
		c.class = 0
	case m > 1<<a.conditioning.upper[c.dcTable]>>1:
		c.class = 12 + 4*sign
	default:
		c.class = 4 + 4*sign
	}
	v := a.number(bins[:], at, m)
	if negative {
		return -v
	}
	return v
}

// category doubles m for each decision "more", with the bins from at. It returns m and the bin of the last decision.
func (a *arithmetic) category(bins []bin, at, m int) (int, int) {
	for a.decision(&bins[at]) {
		if m <<= 1; m == 0x8000 {
			a.bad = true
			return 0, at
		}
		at++
	}
	return m, at
}

// number decodes the bits below m, half the first number of a category whose last decision had the bin at (T.81, figure
// F.24).
func (a *arithmetic) number(bins []bin, at, m int) int {
	v := m
	for m >>= 1; m > 0; m >>= 1 {
		if a.decision(&bins[at+14]) {
			v |= m
		}
	}
	return v + 1
}

// coefficient decodes the sign and size of the AC coefficient k, which is not zero (T.81, F.1.4.2).
func (a *arithmetic) coefficient(table, k int) int {
	bins := a.ac[table]
	negative := a.decision(&a.fixed)
	at, m := 3*(k-1)+2, 0
	if a.decision(&bins[at]) {
		m = 1
		if a.decision(&bins[at]) {
			x2 := 217
			if k <= int(a.conditioning.kx[table]) {
				x2 = 189
			}
			m, at = a.category(bins[:], x2, 2)
		}
	}
	v := a.number(bins[:], at, m)
	if negative {
		return -v
	}
	return v
}

// sequential decodes a whole block.
func (a *arithmetic) sequential(c *scanComponent, b *block) {
	c.prediction += a.difference(c)
	b[0] = int16(c.prediction)
	a.band(c, b, 1, 63, 0)
}

// band decodes the coefficients from first to last of a block that has none of them yet.
func (a *arithmetic) band(c *scanComponent, b *block, first, last, low int) {
	bins := a.ac[c.acTable]
	for k := first; k <= last; k++ {
		if a.decision(&bins[3*(k-1)]) { // the end of the block
			return
		}
		for !a.decision(&bins[3*(k-1)+1]) {
			if k++; k > last {
				a.bad = true
				return
			}
		}
		b[zigzag[k]] = int16(a.coefficient(c.acTable, k) << low)
	}
}

// progressive returns what decodes a block's part in a progressive scan.
func (a *arithmetic) progressive() func(*arithmetic, *scanComponent, *block) {
	switch {
	case a.s.first == 0 && a.s.high == 0:
		return func(a *arithmetic, c *scanComponent, b *block) {
			c.prediction += a.difference(c)
			b[0] = int16(c.prediction << a.s.low)
		}
	case a.s.first == 0:
		return func(a *arithmetic, _ *scanComponent, b *block) {
			if a.decision(&a.fixed) {
				b[0] |= 1 << a.s.low
			}
		}
	case a.s.high == 0:
		return func(a *arithmetic, c *scanComponent, b *block) { a.band(c, b, a.s.first, a.s.last, a.s.low) }
	}
	return (*arithmetic).refineAC
}

// refineAC adds a bit to the coefficients of a block (T.81, G.1.3.3).
func (a *arithmetic) refineAC(c *scanComponent, b *block) {
	bins, bit := a.ac[c.acTable], int16(1<<a.s.low)
	end := a.s.last // of the block, as the scans so far have it
	for end > 0 && b[zigzag[end]] == 0 {
		end--
	}
	for k := a.s.first; k <= a.s.last; k++ {
		if k > end && a.decision(&bins[3*(k-1)]) {
			return
		}
		for !a.refine(&b[zigzag[k]], bins[3*(k-1)+1:], bit) {
			if k++; k > a.s.last {
				a.bad = true
				return
			}
		}
	}
}

// refine adds a bit to one coefficient. It returns false if the coefficient is still zero.
func (a *arithmetic) refine(v *int16, bins []bin, bit int16) bool {
	switch {
	case *v > 0:
		if a.decision(&bins[1]) {
			*v += bit
		}
	case *v < 0:
		if a.decision(&bins[1]) {
			*v -= bit
		}
	case !a.decision(&bins[0]):
		return false
	case a.decision(&a.fixed):
		*v = -bit
	default:
		*v = bit
	}
	return true
}
