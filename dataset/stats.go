// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/parallax-ssl/parallax/augment"
)

// KnownStats returns the channel statistics that the field uses for a well-known data set: "cifar10", "cifar100" (which
// are also the Kinds of those sources) or "imagenet". They are for red, green and blue, for pixels from 0 to 1.
func KnownStats(name string) (augment.Normalize, bool) {
	n, ok := map[string]augment.Normalize{
		string(KindCIFAR10):  {Mean: []float32{.4914, .4822, .4465}, Std: []float32{.2470, .2435, .2616}},
		string(KindCIFAR100): {Mean: []float32{.5071, .4865, .4409}, Std: []float32{.2673, .2564, .2762}},
		"imagenet":           {Mean: []float32{.485, .456, .406}, Std: []float32{.229, .224, .225}},
	}[name]
	return n, ok
}

// statsSeed chooses the sample. It is a constant, so that a data set has the same statistics in every run.
const statsSeed = 20200213

// ChannelStats measures the mean and the standard deviation of each channel, for pixels from 0 to 1, over a sample of
// limit images (0 = all). Every image counts the same, whatever its size. Images that cannot be read are left out; it
// is an error if none is left or if ctx ends. The result does not depend on the number of cores. A channel that hardly
// varies gets the deviation 1/255, to be a usable divisor.
func ChannelStats(ctx context.Context, d Dataset, limit int) (augment.Normalize, error) {
	all, err := measured(ctx, d, limit, momentsOf)
	if err != nil {
		return augment.Normalize{}, err
	}
	var mean, squares [3]float64
	n := 0.0
	for _, m := range all {
		if m.ok {
			n++
			for c := range 3 {
				mean[c] += m.mean[c]
				squares[c] += m.squares[c]
			}
		}
	}
	if n == 0 {
		return augment.Normalize{}, noneRead(d)
	}
	out := augment.Normalize{Mean: make([]float32, 3), Std: make([]float32, 3)}
	for c := range 3 {
		mu := mean[c] / n
		out.Mean[c] = float32(mu)
		out.Std[c] = float32(math.Sqrt(max(squares[c]/n-mu*mu, 1/(255.*255))))
	}
	return out, nil
}

// noneRead is the error of data of which no image could be measured.
func noneRead(d Dataset) error {
	err := errors.New("measuring the channel statistics: no image of the sample can be read")
	if s, ok := d.(*Source); ok && s.Len() > 0 {
		if remedy := s.keepable(0); remedy != "" {
			err = fmt.Errorf("%w: %s", err, remedy)
		}
	}
	return err
}

// measured looks at a sample of limit images, several at a time. An image that cannot be read gives the zero value, and
// one that needs more memory than there is an error.
func measured[T any](ctx context.Context, d Dataset, limit int, look func(d Dataset, i int) (T, error)) ([]T, error) {
	sample := subset(d.Len(), limit, statsSeed)
	all := make([]T, len(sample))
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for k := next.Add(1) - 1; k < int64(len(sample)) && ctx.Err() == nil; k = next.Add(1) - 1 {
				m, err := look(d, sample[k])
				if errors.Is(err, ErrMemory) {
					failed.Store(&err)
					return
				}
				all[k] = m
			}
		})
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("measuring the channel statistics: %w", err)
	}
	if err := failed.Load(); err != nil {
		return nil, fmt.Errorf("measuring the channel statistics: %w", *err)
	}
	return all, nil
}

// moments are the means of an image's channels and of their squares, if it can be read.
type moments struct {
	ok            bool
	mean, squares [3]float64
}

func momentsOf(d Dataset, i int) (m moments, err error) {
	img, release, err := Hold(d, i)
	if err != nil {
		return m, err
	}
	defer release()
	if len(img.Pix) < 3 {
		return m, nil
	}
	var sum, squares [3]uint64
	for p := 0; p < len(img.Pix); p += 3 {
		for c := range 3 {
			v := uint64(img.Pix[p+c])
			sum[c] += v
			squares[c] += v * v
		}
	}
	m.ok = true
	for c := range 3 {
		n := float64(len(img.Pix) / 3)
		m.mean[c], m.squares[c] = float64(sum[c])/n/255, float64(squares[c])/n/(255*255)
	}
	return m, nil
}
