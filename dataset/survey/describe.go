// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"cmp"
	"math"
	"slices"

	"github.com/parallax-ssl/parallax/dataset"
)

// describe sums up the looks at the images of one split.
func describe(s *dataset.Source, looks []look, o Options) Split {
	d := Split{Name: s.Split, Images: s.Len(), Kept: s.Kept()}
	var sizes [][2]int
	formats, deep, reasons := map[string]*Tally{}, map[string]*Tally{}, map[string]*Tally{}
	var mean, squares [3]float64
	for i := range looks {
		l := &looks[i]
		if !l.tried {
			continue
		}
		d.Read++
		name := s.Name(i)
		if l.deep != "" {
			tally(deep, l.deep).add(name)
		}
		if l.bad != "" {
			tally(reasons, l.bad).add(name)
			continue
		}
		tally(formats, l.format).Count++
		sizes = append(sizes, [2]int{l.width, l.height})
		long, short := max(l.width, l.height), min(l.width, l.height)
		if l.grey {
			d.Grey++
		}
		if long >= ThinRatio*short {
			d.Thin.add(name)
		}
		if short < o.Size {
			d.Small.add(name)
		}
		if l.level {
			d.Constant.add(name)
		}
		for c := range 3 {
			mean[c] += l.mean[c]
			squares[c] += l.squares[c]
		}
	}
	if n := float64(len(sizes)); n > 0 {
		for c := range 3 {
			d.Mean[c] = mean[c] / n
			d.Std[c] = math.Sqrt(max(0, squares[c]/n-d.Mean[c]*d.Mean[c]))
		}
		d.Sizes = measure(sizes)
	}
	d.Formats, d.Deep, d.Unreadable = byCount(formats), byCount(deep), byCount(reasons)
	d.Classes, d.Unlabelled = classes(s)
	return d
}

func tally(all map[string]*Tally, name string) *Tally {
	if all[name] == nil {
		all[name] = &Tally{Name: name}
	}
	return all[name]
}

// byCount lists tallies, the largest first.
func byCount(all map[string]*Tally) []Tally {
	list := make([]Tally, 0, len(all))
	for _, t := range all {
		list = append(list, *t)
	}
	slices.SortFunc(list, func(a, b Tally) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Name, b.Name))
	})
	return list
}

// measure sums up sizes, of which there is at least one.
func measure(sizes [][2]int) Sizes {
	slices.SortFunc(sizes, func(a, b [2]int) int { return cmp.Or(a[0]*a[1]-b[0]*b[1], a[0]-b[0]) })
	s := Sizes{
		Least: sizes[0], Median: sizes[len(sizes)/2], Largest: sizes[len(sizes)-1],
		Narrowest: math.Inf(1),
	}
	for _, z := range sizes {
		ratio := float64(z[0]) / float64(z[1])
		s.Narrowest, s.Widest = min(s.Narrowest, ratio), max(s.Widest, ratio)
	}
	return s
}

// classes counts the images of every class of the source, and those without a label.
func classes(s *dataset.Source) (all []Tally, unlabelled int) {
	all = make([]Tally, len(s.Classes))
	for i, name := range s.Classes {
		all[i].Name = name
	}
	for i := range s.Len() {
		if label := s.Label(i); label >= 0 {
			all[label].Count++
		} else {
			unlabelled++
		}
	}
	return all, unlabelled
}
