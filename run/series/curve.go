// SPDX-License-Identifier: Apache-2.0

package series

import (
	"math"
	"slices"
	"sort"
)

// A Point is one value of a curve.
type Point struct {
	Step  int
	Time  float64 // seconds of training until it was measured, without evaluations and pauses; NaN: unknown
	Value float64 // NaN where the run had NaN or an infinite value
}

// stretch describes points that follow each other.
type stretch struct {
	first, last, least, most Point // least and most are the first of their value; NaN where all values are NaN
	gap                      bool  // a value is NaN
}

func stretchOf(p Point) stretch { return stretch{p, p, p, p, math.IsNaN(p.Value)} }

// join appends the points of next.
func (s *stretch) join(next *stretch) {
	s.last, s.gap = next.last, s.gap || next.gap
	if math.IsNaN(s.least.Value) || next.least.Value < s.least.Value {
		s.least = next.least
	}
	if math.IsNaN(s.most.Value) || next.most.Value > s.most.Value {
		s.most = next.most
	}
}

// points appends up to five points of the stretch in their order: the ends, the extremes, and a gap.
func (s *stretch) points(to []Point) []Point {
	from := len(to)
	to = append(to, s.first, s.least, s.most, s.last)
	if s.gap && !math.IsNaN(s.first.Value) && !math.IsNaN(s.last.Value) {
		middle := s.first.Step + (s.last.Step-s.first.Step)/2
		to = append(to, Point{middle, math.NaN(), math.NaN()})
	}
	slices.SortStableFunc(to[from:], func(a, b Point) int { return a.Step - b.Step })
	kept := to[:from]
	for i, p := range to[from:] {
		if i > 0 && p.Step == kept[len(kept)-1].Step {
			continue
		}
		kept = append(kept, p)
	}
	return kept
}

// most is how many stretches a curve has, at most.
const most = 4096

// A curve has the points of one number, in the order of their steps.
type curve struct {
	each      int // points of a stretch
	of        int // points of the last one
	stretches []stretch
}

// add appends a point. When there are too many stretches, each is joined with the next one.
func (c *curve) add(p Point) {
	c.each = max(1, c.each)
	one := stretchOf(p)
	if n := len(c.stretches); n > 0 && c.of < c.each {
		c.stretches[n-1].join(&one)
		c.of++
		return
	}
	if len(c.stretches) == most {
		for i := range most / 2 {
			c.stretches[i] = c.stretches[2*i]
			c.stretches[i].join(&c.stretches[2*i+1])
		}
		c.stretches, c.each = c.stretches[:most/2], 2*c.each
	}
	c.stretches, c.of = append(c.stretches, one), 1
}

// between returns the stretches with points from step from to step to.
func (c *curve) between(from, to int) []stretch {
	begin := sort.Search(len(c.stretches), func(i int) bool { return c.stretches[i].last.Step >= from })
	end := sort.Search(len(c.stretches), func(i int) bool { return c.stretches[i].first.Step > to })
	return c.stretches[begin:max(begin, end)]
}

// thin returns about n points of the stretches, and always their ends and extremes.
func thin(all []stretch, n int) []Point {
	groups := max(1, n/4)
	var points []Point
	if len(all) <= groups {
		for i := range all {
			points = all[i].points(points)
		}
		return points
	}
	for g := range groups {
		begin, end := g*len(all)/groups, (g+1)*len(all)/groups
		s := all[begin]
		for i := begin + 1; i < end; i++ {
			s.join(&all[i])
		}
		points = s.points(points)
	}
	return points
}
