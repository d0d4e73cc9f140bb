// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"cmp"
	"iter"
	"slices"

	"github.com/parallax-ssl/parallax/dataset"
)

// compare finds images that are the same or look the same: within the splits, and across them.
func (r *Report) compare(splits []*dataset.Source, looks [][]look) {
	var images []one // that could be read
	for split, all := range looks {
		for i, l := range all {
			if l.tried && l.bad == "" {
				images = append(images, one{split, i})
			}
		}
	}
	c := &comparison{splits: splits, looks: looks, images: images}
	copies := c.copies()
	for split := range splits {
		r.Splits[split].Copies = c.groups(only(copies, split, images))
	}
	r.Conflicts = c.groups(slices.DeleteFunc(slices.Clone(copies), func(g []int) bool { return !c.conflict(g) }))
	near := c.near(copies)
	for split := range splits {
		r.Splits[split].Near = c.groups(only(near, split, images))
	}
	for of := range splits {
		for in := range of {
			// The later split is the one that measures: its images are counted.
			l := Leak{Of: splits[of].Split, In: splits[in].Split}
			seen := map[int]bool{}
			for _, kind := range []struct {
				groups [][]int
				count  *int
			}{{copies, &l.Copies}, {near, &l.Near}} {
				c.leak(&l, kind.groups, of, in, seen, kind.count)
			}
			if l.Copies+l.Near > 0 {
				r.Leaks = append(r.Leaks, l)
			}
		}
	}
}

// comparison is the images that are compared. A group is a list of numbers of images, in ascending order.
type comparison struct {
	splits []*dataset.Source
	looks  [][]look
	images []one
}

func (c *comparison) look(k int) *look       { return &c.looks[c.images[k].split][c.images[k].image] }
func (c *comparison) name(k int) string      { return c.splits[c.images[k].split].Name(c.images[k].image) }
func (c *comparison) label(k int) int        { return c.splits[c.images[k].split].Label(c.images[k].image) }
func (c *comparison) split(k int) int        { return c.images[k].split }
func (c *comparison) thumb(k int) *thumbnail { return &c.look(k).thumb }

// copies returns the groups of images with the same pixels. Images of one colour are not compared: they are counted as
// what they are.
func (c *comparison) copies() [][]int {
	order := make([]int, 0, len(c.images))
	for k := range c.images {
		if !c.look(k).level {
			order = append(order, k)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return slices.Compare(c.look(a).pixels[:], c.look(b).pixels[:])
	})
	var all [][]int
	for i := 0; i < len(order); {
		j := i + 1
		for j < len(order) && c.look(order[j]).pixels == c.look(order[i]).pixels {
			j++
		}
		if j-i > 1 {
			all = append(all, order[i:j])
		}
		i = j
	}
	slices.SortFunc(all, func(a, b []int) int { return a[0] - b[0] })
	return all
}

// near returns the groups of images that look the same, without those that are only copies. Of copies one of each split
// is compared.
func (c *comparison) near(copies [][]int) [][]int {
	skip := map[int]bool{}
	for _, g := range copies {
		for i, k := range g[1:] {
			skip[k] = c.split(k) == c.split(g[i])
		}
	}
	var order []int
	for k := range c.images {
		if !skip[k] && c.thumb(k).contrast >= leastContrast {
			order = append(order, k)
		}
	}
	sets := newSets(len(c.images))
	joined := map[int]bool{}
	for a, b := range candidates(order, func(k int) uint64 { return c.thumb(k).hash }) {
		if c.look(a).pixels != c.look(b).pixels && c.thumb(a).like(c.thumb(b)) {
			sets.join(a, b)
			joined[a], joined[b] = true, true
		}
	}
	groups := map[int][]int{}
	for _, k := range order {
		if joined[k] {
			root := sets.find(k)
			groups[root] = append(groups[root], k)
		}
	}
	all := make([][]int, 0, len(groups))
	for _, g := range groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b []int) int { return a[0] - b[0] })
	return all
}

// only returns the groups of the images of one split, those of at least two.
func only(groups [][]int, split int, images []one) (all [][]int) {
	for _, g := range groups {
		g = slices.DeleteFunc(slices.Clone(g), func(k int) bool { return images[k].split != split })
		if len(g) > 1 {
			all = append(all, g)
		}
	}
	return all
}

// conflict reports whether images of a group have different labels.
func (c *comparison) conflict(g []int) bool {
	label := -1
	for _, k := range g {
		switch l := c.label(k); {
		case l < 0:
		case label < 0:
			label = l
		case l != label:
			return true
		}
	}
	return false
}

// groups sums groups up.
func (c *comparison) groups(all [][]int) (s Groups) {
	s.Groups = len(all)
	for _, g := range all {
		s.Surplus += len(g) - 1
		if len(s.Examples) < examples {
			var names []string
			for _, k := range g[:min(len(g), examples)] {
				names = append(names, c.name(k))
			}
			s.Examples = append(s.Examples, names)
		}
	}
	return s
}

// leak counts the images of the split of in groups that hold an image of the split in, each of them once.
func (c *comparison) leak(l *Leak, groups [][]int, of, in int, seen map[int]bool, count *int) {
	for _, g := range groups {
		twin := slices.IndexFunc(g, func(k int) bool { return c.split(k) == in })
		if twin < 0 {
			continue
		}
		for _, k := range g {
			if c.split(k) != of || seen[k] {
				continue
			}
			seen[k] = true
			if *count++; len(l.Examples) < examples {
				l.Examples = append(l.Examples, [2]string{c.name(k), c.name(g[twin])})
			}
		}
	}
}

// sets are disjoint sets of numbers.
type sets []int

func newSets(n int) sets {
	s := make(sets, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func (s sets) find(k int) int {
	for s[k] != k {
		s[k] = s[s[k]]
		k = s[k]
	}
	return k
}

func (s sets) join(a, b int) {
	a, b = s.find(a), s.find(b)
	s[max(a, b)] = min(a, b)
}

// most is how many images are compared with one another because a part of their hashes is equal. Images of which more
// have that part are compared with the next of them alone.
const most = 500

// blocks are the parts of a hash by which candidates are found: nearBits bits leave at least two of them equal.
var blocks = [nearBits + 2]uint64{
	0x7ff, 0x7ff << 11, 0x7ff << 22, 0x7ff << 33, 0x3ff << 44, 0x3ff << 54,
}

// candidates yields pairs of numbers whose hashes may differ in at most nearBits bits, those with two equal blocks. A
// pair may come several times.
func candidates(order []int, hash func(k int) uint64) iter.Seq2[int, int] {
	return func(yield func(a, b int) bool) {
		sorted := slices.Clone(order)
		for a := range blocks {
			for b := range a {
				mask := blocks[a] | blocks[b]
				slices.SortFunc(sorted, func(i, j int) int {
					return cmp.Or(cmp.Compare(hash(i)&mask, hash(j)&mask), cmp.Compare(hash(i), hash(j)), i-j)
				})
				for i := range sorted {
					for j := i + 1; j < min(len(sorted), i+most); j++ {
						if hash(sorted[i])&mask != hash(sorted[j])&mask {
							break
						}
						if !yield(sorted[i], sorted[j]) {
							return
						}
					}
				}
			}
		}
	}
}
