// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/parallax-ssl/parallax/run/summary"
)

// A catalogue knows the folders in the places and the rows of the runs among them.
type catalogue struct {
	places  []*place
	changed func(found) // is told what has changed since the last look, in portions

	turn  chan struct{} // holds an element while somebody looks
	ended time.Time     // of the last whole look; for whoever has the turn

	mu      sync.Mutex
	folders map[string]*folder
	rows    map[string]*row
	stamps  map[string]stamp
	runs    int  // folders that are runs
	partial bool // the last search did not look everywhere
}

func newCatalogue(changed func(found)) *catalogue {
	return &catalogue{changed: changed, turn: make(chan struct{}, 1), folders: map[string]*folder{},
		rows: map[string]*row{}, stamps: map[string]stamp{}}
}

// found is the change between two looks.
type found struct {
	Rows []*row   `json:"rows,omitempty"` // new, or changed
	Gone []string `json:"gone,omitempty"` // ids
}

// look searches the places and makes the rows of runs whose files have changed, unless that was done less than age ago.
// One goroutine looks at a time. When ctx ends, the rest of the rows is left to the next look.
func (c *catalogue) look(ctx context.Context, age time.Duration) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return
	}
	if !c.ended.IsZero() && time.Since(c.ended) < age {
		return
	}
	folders := map[string]*folder{}
	whole := true
	var order []*folder
	for _, p := range c.places {
		whole = p.search(func(f *folder) {
			if folders[f.id] == nil { // places may overlap
				folders[f.id] = f
				order = append(order, f)
			}
		}) && whole
	}
	order = slices.DeleteFunc(order, func(f *folder) bool { return f.kind != kindRun })
	var gone []string
	c.mu.Lock()
	for id := range c.folders {
		if folders[id] == nil {
			gone = append(gone, id)
			delete(c.rows, id)
			delete(c.stamps, id)
		}
	}
	c.folders, c.runs, c.partial = folders, len(order), !whole
	c.mu.Unlock()
	if len(gone) > 0 {
		c.changed(found{Gone: gone})
	}
	c.make(ctx, order)
	if ctx.Err() == nil {
		c.ended = time.Now()
	}
}

// lookRunning makes the rows of runs that go on, whose files have changed.
func (c *catalogue) lookRunning(ctx context.Context) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return
	}
	var running []*folder
	c.mu.Lock()
	for id, r := range c.rows {
		if f := c.folders[id]; f != nil && r.State == summary.Running {
			running = append(running, f)
		}
	}
	c.mu.Unlock()
	c.make(ctx, running)
}

// make makes the rows of runs whose files have changed. The caller has the turn.
func (c *catalogue) make(ctx context.Context, runs []*folder) {
	var portion []*row
	begun := time.Now()
	for _, f := range runs {
		if ctx.Err() != nil {
			break
		}
		s := stampOf(f)
		c.mu.Lock()
		was, known := c.stamps[f.id]
		c.mu.Unlock()
		if known && was == s {
			continue
		}
		r := rowOf(f, s)
		c.mu.Lock()
		c.rows[f.id], c.stamps[f.id] = r, s
		c.mu.Unlock()
		if portion = append(portion, r); time.Since(begun) > portionTime {
			c.changed(found{Rows: portion})
			portion, begun = nil, time.Now()
		}
	}
	if len(portion) > 0 {
		c.changed(found{Rows: portion})
	}
}

// portionTime is how long rows are collected before a page gets them.
const portionTime = 200 * time.Millisecond

// all returns the rows that there are, the newest run first, how many are not made yet, and whether folders were left
// out.
func (c *catalogue) all() (rows []*row, pending int, partial bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rows = slices.AppendSeq(make([]*row, 0, len(c.rows)), maps.Values(c.rows))
	slices.SortFunc(rows, func(a, b *row) int {
		return cmp.Or(cmp.Compare(b.Updated, a.Updated), cmp.Compare(a.Name, b.Name))
	})
	return rows, c.runs - len(rows), c.partial
}

// find returns the folder of a kind with an id, or nil. A link to a folder may come before any look.
func (c *catalogue) find(ctx context.Context, kind, id string) *folder {
	f := c.folder(id)
	if f == nil {
		c.look(ctx, lookTime)
		f = c.folder(id)
	}
	if f == nil || f.kind != kind {
		return nil
	}
	return f
}

func (c *catalogue) folder(id string) *folder {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.folders[id]
}

// row returns the row of a run, or nil.
func (c *catalogue) row(id string) *row {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rows[id]
}

// of returns the folders of a kind, in the order of their names.
func (c *catalogue) of(kind string) []*folder {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*folder
	for _, f := range c.folders {
		if f.kind == kind {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b *folder) int { return cmp.Compare(a.name(), b.name()) })
	return all
}
