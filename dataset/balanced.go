// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/parallax-ssl/parallax/augment"
)

// Balanced draws labelled batches in which every class has equally many images. A batch is a function of its number and
// the loader's seed alone, so a run may resume at any batch. Make it with [NewBalanced].
type Balanced struct {
	loader   *Loader
	classes  [][]int // the images of each class
	sampled  int     // classes in a batch
	perClass int
	place    map[int]int // the place of an image in its class
}

// NewBalanced draws batches with perClass images of each of classes classes (0: all of them) from the images of the
// loader's data that have a label. It draws the classes anew for every batch, and the images without replacement. A
// class with fewer than perClass images has each of them ⌊perClass/n⌋ or ⌈perClass/n⌉ times, in different views. The
// loader's Batch and Pair do not matter. A class without an image is an error.
func NewBalanced(l *Loader, classes, perClass int) (*Balanced, error) {
	b := &Balanced{loader: l, perClass: perClass, place: map[int]int{}}
	var names []string
	if s, ok := l.Data.(*Source); ok {
		names = s.Classes
		b.classes = make([][]int, len(names))
	}
	for i := range l.Data.Len() {
		c := l.Data.Label(i)
		if c < 0 {
			continue
		}
		for len(b.classes) <= c {
			b.classes = append(b.classes, nil)
		}
		b.place[i] = len(b.classes[c])
		b.classes[c] = append(b.classes[c], i)
	}
	if len(b.place) == 0 {
		return nil, errors.New("drawing labelled images: none of the images has a label: give --labels FILE.csv, or " +
			"images in a folder per class")
	}
	for c, images := range b.classes {
		if len(images) == 0 {
			name := fmt.Sprint(c)
			if c < len(names) {
				name = names[c]
			}
			return nil, fmt.Errorf("drawing labelled images: class %s has no image to train on: label one, or leave "+
				"the class out", name)
		}
	}
	if b.sampled = classes; classes == 0 {
		b.sampled = len(b.classes)
	}
	switch {
	case len(b.classes) < 2:
		return nil, errors.New("drawing labelled images: there is only one class: label images of at least two classes")
	case b.sampled < 2 || b.sampled > len(b.classes):
		return nil, fmt.Errorf("drawing labelled images of %d classes: at least 2 are needed, and the data has %d",
			b.sampled, len(b.classes))
	case perClass < 1:
		return nil, fmt.Errorf("drawing %d labelled images per class: the number must be at least 1", perClass)
	}
	return b, nil
}

// Classes returns the number of classes in a batch.
func (b *Balanced) Classes() int { return b.sampled }

// Use makes q the quarantine, which holds the images that cannot be read.
func (b *Balanced) Use(q *Quarantine) { b.loader.Quarantine = q }

// From yields batches from number from on, without end, class by class: row r belongs to the (r / perClass)th class of
// the batch. Batch.Labels are the labels in the data. The next image of the class replaces one that cannot be read. The
// views of row r of batch n are drawn from augment.ViewRand(a seed, n, r, view). With a share in the loader they are
// its rows of each batch alone.
func (b *Balanced) From(ctx context.Context, from int) iter.Seq2[*Batch, error] {
	const endless = 1 << 62
	l := b.loader
	return func(yield func(*Batch, error) bool) {
		if err := l.checkRecipes(); err != nil {
			yield(nil, err)
			return
		}
		p := pass{
			from: from, to: endless, images: b.images, replace: b.next,
			rand: func(at, row, _, view int) *rand.Rand {
				return augment.ViewRand(l.Seed^balancedStream, at, row, view)
			},
		}
		l.Share.take(&p, b.sampled*b.perClass)
		l.iterate(ctx, p, yield)
	}
}

// balancedStream keeps the random numbers of labelled batches apart from those of other views.
const balancedStream = 0x6c6162656c6c6564

// next is the image after i in its class.
func (b *Balanced) next(i int) int {
	class := b.classes[b.loader.Data.Label(i)]
	return class[(b.place[i]+1)%len(class)]
}

// images returns the images of batch number at.
func (b *Balanced) images(at int) []int {
	r := rand.NewPCG(b.loader.Seed^balancedStream, uint64(at))
	var all []int
	for _, c := range choose(b.sampled, len(b.classes), r) {
		class := b.classes[c]
		for range b.perClass / len(class) {
			all = append(all, class...)
		}
		for _, k := range choose(b.perClass%len(class), len(class), r) {
			all = append(all, class[k])
		}
	}
	return all
}

// choose draws k of n numbers without replacement, in increasing order, each set equally likely. It is Floyd's
// algorithm (Bentley & Floyd, CACM 1987), which draws only k random numbers.
func choose(k, n int, r *rand.PCG) []int {
	chosen := make(map[int]bool, k)
	for top := n - k; top < n; top++ {
		high, _ := bits.Mul64(r.Uint64(), uint64(top+1))
		if pick := int(high); !chosen[pick] {
			chosen[pick] = true
		} else {
			chosen[top] = true
		}
	}
	out := make([]int, 0, k)
	for i := range chosen {
		out = append(out, i)
	}
	slices.Sort(out)
	return out
}
