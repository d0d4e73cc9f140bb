// SPDX-License-Identifier: Apache-2.0

// Package survey reads the images of a data set and says what training should know about them: formats, sizes, grey and
// constant images, channel statistics, images that cannot be read, copies, images that two splits share, labels that
// contradict one another, and the balance of the classes. It keeps about 200 bytes of an image.
package survey

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parallax-ssl/parallax/dataset"
)

// Options say how much is read. The zero value reads everything.
type Options struct {
	Limit int           // images to read; of more images a random sample is read; 0: all
	Time  time.Duration // reading ends after this time, with the images that were read by then; 0: no end
	Size  int           // side of a view in pixels, to count smaller images; 0: none are counted
	// Seed chooses the sample.
	Seed uint64
}

// The sample that is large enough to see what a data set is like, and small enough to wait for.
const (
	UsualLimit = 20_000
	UsualTime  = 2 * time.Minute
)

// ThinRatio is the ratio of the longer to the shorter side from which an image is thin: a crop of usual proportions
// shows little of it.
const ThinRatio = 4

// Survey reads the images of the splits of one data set. An error is the end of ctx, or an image that needs more memory
// than there is.
func Survey(ctx context.Context, o Options, splits ...*dataset.Source) (*Report, error) {
	start := time.Now()
	looks := make([][]look, len(splits))
	for i, s := range splits {
		looks[i] = make([]look, s.Len())
	}
	if err := read(ctx, o, splits, looks); err != nil {
		return nil, fmt.Errorf("reading images: %w", err)
	}
	r := &Report{Seconds: time.Since(start).Seconds(), Leaks: []Leak{}}
	for i, s := range splits {
		r.Splits = append(r.Splits, describe(s, looks[i], o))
	}
	r.compare(splits, looks)
	return r, nil
}

// one is an image: its split and its number in it.
type one struct{ split, image int }

// read looks at a sample of the images, in random order, so that what was read when the time is up is a sample, too.
func read(ctx context.Context, o Options, splits []*dataset.Source, looks [][]look) error {
	images := sample(o, splits)
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timeUp := errors.New("the time is up")
	if o.Time > 0 {
		defer time.AfterFunc(o.Time, func() { cancel(timeUp) }).Stop()
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for k := next.Add(1) - 1; k < int64(len(images)) && limited.Err() == nil; k = next.Add(1) - 1 {
				i := images[k]
				l, err := lookAt(splits[i.split], i.image)
				if err != nil {
					cancel(err)
					return
				}
				looks[i.split][i.image] = l
			}
		})
	}
	workers.Wait()
	if err := context.Cause(limited); err != nil && !errors.Is(err, timeUp) {
		return err
	}
	return nil
}

// sample returns the images to read in random order. Of small splits all are read: they are those that others are
// compared with.
func sample(o Options, splits []*dataset.Source) []one {
	left := o.Limit
	order := make([]int, len(splits))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return splits[a].Len() - splits[b].Len() })
	r := rand.New(rand.NewPCG(o.Seed, 0x737572766579)) // apart from other uses of the seed
	var images []one
	for k, split := range order {
		n := splits[split].Len()
		if o.Limit > 0 {
			n = min(n, left/(len(order)-k))
			left -= n
		}
		for _, image := range r.Perm(splits[split].Len())[:n] {
			images = append(images, one{split, image})
		}
	}
	r.Shuffle(len(images), func(i, j int) { images[i], images[j] = images[j], images[i] })
	return images
}

// lookAt looks at one image. An error is one that ends the reading.
func lookAt(s *dataset.Source, i int) (look, error) {
	img, release, err := dataset.Hold(s, i)
	if errors.Is(err, dataset.ErrMemory) {
		return look{}, err
	}
	var bad *dataset.ImageError
	if errors.As(err, &bad) {
		err = bad.Err // the report has the name
	}
	if err == nil {
		defer release()
		if failed := img.Check(); failed != nil {
			err = fmt.Errorf("decoded to %w", failed)
		}
	}
	if err != nil {
		return look{bad: err.Error(), deep: deepOf(s, i), tried: true}, nil
	}
	l := at(img)
	l.format, l.deep = s.Format(i), deepOf(s, i)
	return l, nil
}
