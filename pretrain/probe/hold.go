// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"maps"
	"slices"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
)

// HoldOut says how many images are queries if there is no split test or val: a fifth.
const HoldOut = 5

// QuerySeed draws the queries. It is not the run's seed, so that all runs on the same images have the same queries, and
// their accuracies can be compared.
const QuerySeed = 1

// part is a subset of the images of a data set.
type part struct {
	dataset.Dataset
	rows   []int
	hidden bool // the labels are unknown
}

func (p part) Len() int                                   { return len(p.rows) }
func (p part) Image(i int) (*augment.Image, error)        { return p.Dataset.Image(p.rows[i]) }
func (p part) Hold(i int) (*augment.Image, func(), error) { return dataset.Hold(p.Dataset, p.rows[i]) }

// Name returns an image's name for messages.
func (p part) Name(i int) string {
	if named, ok := p.Dataset.(interface{ Name(int) string }); ok {
		return named.Name(p.rows[i])
	}
	return fmt.Sprint(p.rows[i])
}

func (p part) Label(i int) int {
	if p.hidden {
		return -1
	}
	return p.Dataset.Label(p.rows[i])
}

// Visited returns the images that a loader's pass visits, as data of their own.
func Visited(l *dataset.Loader) dataset.Dataset { return part{Dataset: l.Data, rows: l.Visits()} }

// labelled returns the images that have a label. some reports whether they are some of the images: neither none nor
// all.
func labelled(d dataset.Dataset) (images part, some bool) {
	p := part{Dataset: d}
	for i := range d.Len() {
		if d.Label(i) >= 0 {
			p.rows = append(p.rows, i)
		}
	}
	return p, len(p.rows) > 0 && len(p.rows) < d.Len()
}

// hold splits data without a split test or val: a fifth of the images are queries, the others the bank. how is a value
// of probe.queries. Fewer than five images without a class of two or more are both, and then the queries have no
// labels: an image would be its own nearest neighbour.
func hold(d dataset.Dataset, how string) (bank, queries part) {
	held := heldByClass(d)
	if how == config.EveryFifth {
		held = everyFifth(d.Len())
	}
	slices.Sort(held)
	bank, queries = part{Dataset: d}, part{Dataset: d, rows: held}
	for i := range d.Len() {
		if _, query := slices.BinarySearch(held, i); !query || len(held) == 0 {
			bank.rows = append(bank.rows, i)
		}
	}
	if len(held) == 0 {
		queries = part{Dataset: d, rows: bank.rows, hidden: true}
	}
	return bank, queries
}

func everyFifth(n int) (rows []int) {
	for i := HoldOut - 1; i < n; i += HoldOut {
		rows = append(rows, i)
	}
	return rows
}

// heldByClass draws a fifth of each class, at least one image, unless it is the class's only one: the bank keeps that.
// Of the images without a label it draws a fifth. If there are no queries then, the classes do not count.
func heldByClass(d dataset.Dataset) (rows []int) {
	classes := byClass(d)
	for class, images := range classes {
		n := len(images) / HoldOut
		if class >= 0 && len(images) > 1 {
			n = max(1, (len(images)+HoldOut/2)/HoldOut)
		}
		rows = append(rows, images[:n]...)
	}
	if len(rows) == 0 {
		return shuffled(d.Len(), 0)[:d.Len()/HoldOut]
	}
	return rows
}

// byClass lists the images of every class in a random order. Those without a label are the class -1.
func byClass(d dataset.Dataset) map[int][]int {
	classes := map[int][]int{}
	for i := range d.Len() {
		class := max(d.Label(i), -1)
		classes[class] = append(classes[class], i)
	}
	for class, images := range classes {
		drawn := make([]int, len(images))
		for i, from := range shuffled(len(images), uint64(class+1)) {
			drawn[i] = images[from]
		}
		classes[class] = drawn
	}
	return classes
}

// limited returns at most limit of the images, each class with its share of them: all classes as long as there is room
// for one image of each. 0 is all.
func limited(d dataset.Dataset, limit int) dataset.Dataset {
	if limit <= 0 || limit >= d.Len() {
		return d
	}
	type place struct {
		row  int
		rank float64 // which share of its class comes before the image
	}
	var places []place
	classes := byClass(d)
	names := slices.Sorted(maps.Keys(classes))
	for _, i := range shuffled(len(names), 0) {
		images := classes[names[i]]
		for rank, row := range images {
			places = append(places, place{row, float64(rank) / float64(len(images))})
		}
	}
	slices.SortStableFunc(places, func(a, b place) int {
		switch {
		case a.rank < b.rank:
			return -1
		case a.rank > b.rank:
			return 1
		}
		return 0
	})
	few := part{Dataset: d}
	for _, p := range places[:limit] {
		few.rows = append(few.rows, p.row)
	}
	slices.Sort(few.rows)
	return few
}

// shuffled returns the numbers 0 ... n-1 in a random order, another one for each use.
func shuffled(n int, use uint64) []int { return dataset.Order(n, QuerySeed<<32+use, 0) }
