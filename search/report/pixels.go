// SPDX-License-Identifier: Apache-2.0

package report

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/crash"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/search"
	"github.com/parallax-ssl/parallax/search/pixels"
)

// What images are compared by.
const (
	ByBoth       = "both"       // embeddings and pixels; embeddings alone if no image can be read
	ByEmbeddings = "embeddings" // the images are not read
	ByPixels     = "pixels"     // see package pixels
)

// Bys are all of them.
var Bys = []string{ByBoth, ByEmbeddings, ByPixels}

func checkBy(by string) error {
	if by != "" && !slices.Contains(Bys, by) {
		return run.Invalid(fmt.Errorf("cannot compare by %q: want %s", by, strings.Join(Bys, ", ")))
	}
	return nil
}

// describedAtOnce is how many images are read before their descriptions are used.
const describedAtOnce = 256

// described reads the table's images, several at a time, and calls use with what describe says of each, in the order of
// the rows: nil for an image that cannot be read. It returns how many could not be read.
func (t *table) described(ctx context.Context, progress search.Progress, describe func(m *augment.Image) []float32,
	use func(row int, description []float32) error,
) (missing int, err error) {
	names := make([]string, t.rows.Len())
	for i := range names {
		names[i] = t.paths.at(i)
	}
	if err := t.pictures.prepare(ctx, names); err != nil {
		return 0, err
	}
	for from := 0; from < len(names); from += describedAtOnce {
		part := names[from:min(from+describedAtOnce, len(names))]
		found, failed := make([][]float32, len(part)), make([]bool, len(part))
		var next atomic.Int64
		var workers sync.WaitGroup
		for range min(len(part), machine.Workers()) {
			workers.Go(func() {
				for i := int(next.Add(1)) - 1; i < len(part) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
					var err error
					found[i], err = t.describe(part[i], describe)
					failed[i] = err != nil
				}
			})
		}
		workers.Wait()
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		for i := range part {
			if failed[i] {
				missing++
			}
			if err := use(from+i, found[i]); err != nil {
				return 0, err
			}
		}
		if progress != nil {
			progress(int64(from+len(part)), int64(len(names)))
		}
	}
	return missing, nil
}

func (t *table) describe(name string, describe func(m *augment.Image) []float32) (description []float32, err error) {
	defer crash.Recover(&err)
	img, release, err := t.pictures.hold(name)
	if err != nil {
		return nil, err
	}
	defer release()
	return describe(img), nil
}

// unread notes that images cannot be read, and returns an error if none can and there is nothing else to compare by.
func (t *table) unread(r *Report, missing int, by string) error {
	switch n := t.rows.Len(); {
	case missing == n && by == ByPixels:
		return fmt.Errorf("there are no pixels to compare by: %s", t.pictures.missing(missing, n))
	case missing == n:
		r.note("no image could be read, so that embeddings alone were compared: --data PATH names the images")
	case missing > 0:
		r.Notes = append(r.Notes, t.pictures.missing(missing, n))
	}
	return nil
}

// errStopped ends a pass over images whose receiver wants no more.
var errStopped = errors.New("stopped")

// fewest is the number of signatures from which on they are whitened.
const fewest = 32

// copies finds groups of images with like signatures; their rows are those of the table.
func (q *DuplicatesRequest) copies(ctx context.Context, t *table, r *Report) ([]search.Group, error) {
	var rows []int // that have a signature
	var same []int32
	missing := 0
	signatures, err := search.Collect(ctx, pixels.SignatureWidth, func(yield func([]float32, error) bool) {
		var err error
		missing, err = t.described(ctx, q.progress("reading images"), func(m *augment.Image) []float32 {
			signature, _ := pixels.Signature(m)
			return signature
		}, func(row int, signature []float32) error {
			if signature == nil {
				return nil
			}
			rows, same = append(rows, row), append(same, t.hashes[row])
			if !yield(signature, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	})
	if err != nil {
		return nil, err
	}
	defer func() { signatures.Close() }()
	if err := t.unread(r, missing, q.By); err != nil || len(rows) < 2 {
		return nil, err
	}
	if len(rows) >= fewest {
		white, err := search.Whiten(ctx, signatures)
		if err != nil {
			return nil, err
		}
		signatures.Close()
		signatures = white
	}
	if err := r.pairs(ctx, "pairs by pixels", signatures, pixelThresholds, q.PixelThreshold); err != nil {
		return nil, err
	}
	groups, err := search.Duplicates(ctx, signatures, search.Similar{Threshold: q.PixelThreshold, Linkage: q.Linkage,
		Same: same, Progress: q.progress("comparing pixels")})
	for _, g := range groups {
		for i, at := range g.Rows {
			g.Rows[i] = rows[at]
		}
	}
	return groups, err
}

// alike returns the table's hashes, but with one number of its own for all rows of each of the groups.
func (t *table) alike(groups []search.Group) []int32 {
	numbers := slices.Clone(t.hashes)
	next := slices.Max(numbers) + 1
	for _, g := range groups {
		for _, row := range g.Rows {
			numbers[row] = next
		}
		next++
	}
	return numbers
}

// deviations returns how unusual the spectrum of each image is; nil if no image can be read. An image that cannot be
// read counts as a usual one.
func (q *OutliersRequest) deviations(ctx context.Context, t *table, r *Report) ([]float64, error) {
	values := make([]float32, 0, t.rows.Len()*pixels.SpectrumWidth)
	none := make([]float32, pixels.SpectrumWidth)
	none[0] = float32(math.NaN())
	missing, err := t.described(ctx, q.progress("reading images"), pixels.Spectrum,
		func(_ int, spectrum []float32) error {
			if spectrum == nil {
				spectrum = none
			}
			values = append(values, spectrum...)
			return nil
		})
	if err != nil {
		return nil, err
	}
	if err := t.unread(r, missing, q.By); err != nil || missing == t.rows.Len() {
		return nil, err
	}
	found, err := search.Deviations(values, pixels.SpectrumWidth, pixels.Spread())
	for i, d := range found {
		if math.IsNaN(d) {
			found[i] = 1
		}
	}
	return found, err
}
