// SPDX-License-Identifier: Apache-2.0

package features

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"
)

// A Course makes the maps of a run: at each evaluation a point for each image, so that images with similar features lie
// together. The maps are t-SNE's (van der Maaten & Hinton 2008), with a perplexity of 30, or less for few images.
// Distances between groups, and their sizes, mean little.
//
// The first map starts at the plane of its features, each other one at the map before it. So points stay where they are
// if their neighbours do, and no map owes its groups to later features. Equal folders have equal maps.
//
// A map of 1,000 images takes about a second on one core, and no more than one core is used. Maps are kept. A Course
// may be used by several goroutines; it makes one map at a time.
type Course struct {
	folder fs.FS
	turn   chan struct{} // held by whoever makes maps

	mu   sync.Mutex
	laid map[int]*laid
}

// laid is a map, and the file of which it is.
type laid struct {
	size   int64
	time   time.Time
	images []int
	points [][2]float64
}

// NewCourse returns the course of the samples in a folder, as [Read] takes it.
func NewCourse(folder fs.FS) *Course {
	return &Course{folder: folder, turn: make(chan struct{}, 1), laid: map[int]*laid{}}
}

// Map returns the map of a step: a point for each image of its sample. Those of earlier steps are made before it.
// Before each one that is to be made progress is called, with how many maps are done and how many there are up to the
// step; nil for none. If ctx ends, those that are done are kept.
func (c *Course) Map(ctx context.Context, step int, progress func(done, of int)) ([][2]float64, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	steps, err := Steps(c.folder)
	if err != nil {
		return nil, err
	}
	last, found := slices.BinarySearch(steps, step)
	if !found {
		return nil, fmt.Errorf("there are no features of step %d: %w", step, fs.ErrNotExist)
	}
	var before *laid
	for i, step := range steps[:last+1] {
		m, err := c.lay(ctx, step, before, func() {
			if progress != nil {
				progress(i, last+1)
			}
		})
		switch {
		case err == nil:
			before = m
		case i == last || ctx.Err() != nil:
			return nil, err
		}
		// Without a file that is damaged the others can be seen.
	}
	return before.points, nil
}

// lay returns the map of a step. It is made if the file is new; then the later ones are made again, too.
func (c *Course) lay(ctx context.Context, step int, before *laid, begin func()) (*laid, error) {
	info, err := fs.Stat(c.folder, FileName(step))
	if err != nil {
		return nil, err
	}
	if m := c.made(step); m != nil && m.size == info.Size() && m.time.Equal(info.ModTime()) {
		return m, nil
	}
	begin()
	s, err := Read(c.folder, step)
	if err != nil {
		return nil, err
	}
	m := &laid{size: info.Size(), time: info.ModTime()}
	for _, image := range s.Images {
		m.images = append(m.images, image.Index)
	}
	var start [][2]float64
	if before != nil && slices.Equal(before.images, m.images) {
		start = before.points
	}
	if m.points, err = s.Map(ctx, start); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.laid, func(other int, _ *laid) bool { return other > step })
	c.laid[step] = m
	return m, nil
}

func (c *Course) made(step int) *laid {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.laid[step]
}
