// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/spelling"
)

func checkChannels(name string) error {
	all := []string{ChannelsRGB, ChannelsKeep, ChannelsPages}
	if name == "" || slices.Contains(all, name) {
		return nil
	}
	return fmt.Errorf("the channels are %q: did you mean %s? (%s)", name, spelling.Nearest(name, all),
		strings.Join(all, ", "))
}

// checkChannels returns an error if the images cannot be read with Options.Channels.
func (w *whole) checkChannels(name string) error {
	err := checkChannels(name)
	if err == nil && name != "" && name != ChannelsRGB && w.hold == nil {
		err = fmt.Errorf("channels are kept of image files, and the images of %s are of 8 bits: leave --channels %s "+
			"out", w.kind, name)
	}
	w.kept = name == ChannelsKeep || name == ChannelsPages
	return err
}

// Kept reports whether the images keep their channels and depth: see Options.Channels.
func (s *Source) Kept() bool { return s.whole.kept }

// Require makes the source refuse images that have other channels or samples: an error concerns only such an image. It
// holds for all splits of the data set.
func (s *Source) Require(f augment.Format) { s.whole.only.Store(&f) }

// fits returns an error if image i is not what Require says.
func (w *whole) fits(i int, img *augment.Image) error {
	if want := w.only.Load(); want != nil && img.Format() != *want {
		return &ImageError{w.items[i].name, fmt.Errorf("it has %v, and the other images have %v", img.Format(), *want)}
	}
	return nil
}

// Stored returns what the file of image i has before it is decoded, and its pages. ok is false where that is 8-bit RGB
// by the format, such as JPEG, and where it is not known.
func (s *Source) Stored(i int) (f augment.Format, pages int, ok bool) {
	if s.whole.describe == nil {
		return f, 0, false
	}
	return s.whole.describe(s.Dataset.(*selection).index[i])
}

// keepable says how to read image i if it cannot be read as 8-bit RGB but for what it has; "" if there is no such way.
func (s *Source) keepable(i int) string {
	if s.Kept() {
		return ""
	}
	f, _, ok := s.Stored(i)
	if !ok {
		return ""
	}
	return fmt.Sprintf("keep their channels with --channels keep (one has %v)", f)
}

// The shares of a channel's values that are darker than its black, and not brighter than its white: those of Cellpose
// (Stringer et al. 2021, Nature Methods 18). Nothing is clipped, so few values beyond them do no harm.
const (
	lowShare  = 0.01
	highShare = 0.99
)

// sampledValues bounds the values of which the shares are found.
const sampledValues = 1 << 22

// DeepStats measures deep images over a sample of limit (0 = all): the format that most of them have, and, of those
// that have it, the mean, the deviation and the range of each channel. The range goes from the 1st to the 99th
// percentile, or over all values where these are equal. Every image counts the same, whatever its size. Images that
// cannot be read are left out. A channel that does not vary gets the deviation 1. The result does not depend on the
// number of cores.
func DeepStats(ctx context.Context, d Dataset, limit int) (f augment.Format, n augment.Normalize, err error) {
	images := d.Len()
	if limit > 0 {
		images = min(images, limit)
	}
	all, err := measured(ctx, d, limit, func(d Dataset, i int) (deepMoments, error) {
		return deepMomentsOf(d, i, images)
	})
	if err != nil {
		return f, n, err
	}
	f = usual(all)
	all = slices.DeleteFunc(all, func(m deepMoments) bool { return m.format != f })
	if f.Channels == 0 {
		return f, n, noneRead(d)
	}
	for c := range f.Channels {
		var mean, squares float64
		var values []float32
		for _, m := range all {
			mean += m.mean[c] / float64(len(all))
			squares += m.squares[c] / float64(len(all))
			for at := c; at < len(m.values); at += f.Channels {
				values = append(values, m.values[at])
			}
		}
		std := math.Sqrt(max(0, squares-mean*mean))
		if std <= 1e-6*math.Abs(mean) || std == 0 { // less than float32 can tell
			std = 1
		}
		low, high := spanOf(values)
		n.Mean, n.Std = append(n.Mean, float32(mean)), append(n.Std, float32(std))
		n.Low, n.High = append(n.Low, low), append(n.High, high)
	}
	return f, n, nil
}

// usual is the format of most images; of several, the first by channels and name.
func usual(all []deepMoments) (f augment.Format) {
	count := map[augment.Format]int{}
	for _, m := range all {
		if m.format.Channels > 0 {
			count[m.format]++
		}
	}
	for g, n := range count {
		order := cmp.Or(count[f]-n, g.Channels-f.Channels, strings.Compare(g.Samples, f.Samples))
		if order < 0 {
			f = g
		}
	}
	return f
}

// spanOf returns the range of values, which it sorts.
func spanOf(values []float32) (low, high float32) {
	slices.Sort(values)
	last := float64(len(values) - 1)
	low, high = values[int(lowShare*last)], values[int(math.Ceil(highShare*last))]
	if high <= low {
		low, high = values[0], values[len(values)-1]
	}
	if high <= low {
		high = low + max(1, float32(math.Abs(float64(low))))
	}
	return low, high
}

// deepMoments are the means of an image's channels and of their squares, and some of its pixels.
type deepMoments struct {
	format        augment.Format
	mean, squares []float64
	values        []float32
}

// deepMomentsOf looks at one of so many images.
func deepMomentsOf(d Dataset, i, images int) (m deepMoments, err error) {
	img, release, err := Hold(d, i)
	if err != nil {
		return m, err
	}
	defer release()
	if img.Check() != nil || img.Deep == nil {
		return m, nil
	}
	m = deepMoments{img.Format(), make([]float64, img.C), make([]float64, img.C), nil}
	area := img.W * img.H
	for at := 0; at < len(img.Deep); at += img.C {
		for c, v := range img.Deep[at : at+img.C] {
			m.mean[c] += float64(v) / float64(area)
			m.squares[c] += float64(v) * float64(v) / float64(area)
		}
	}
	pixels := min(area, max(16, min(1024, sampledValues/(img.C*images))))
	for k := range pixels {
		at := k * area / pixels * img.C
		m.values = append(m.values, img.Deep[at:at+img.C]...)
	}
	return m, nil
}
