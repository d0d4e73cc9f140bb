// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/parallax-ssl/parallax/internal/packfile"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// Checked is what Verify found.
type Checked struct {
	Pack    string   `json:"pack"`
	Images  int      `json:"images"`
	Shards  int      `json:"shards"`
	Bytes   int64    `json:"bytes"`
	Damaged []Damage `json:"damaged"` // empty: the pack is whole
}

// Damage is a damaged file of a pack.
type Damage struct {
	File   string   `json:"file"`
	Reason string   `json:"reason"`
	Images int      `json:"images"` // that are damaged; all of the shard if its table is
	Names  []string `json:"names"`  // of the first of them
}

// mostNames is how many damaged images of a shard are named.
const mostNames = 5

// Verify reads every byte of the pack in dir and compares the checksums. It goes on after a damaged shard. An error
// says why it could not look.
func Verify(ctx context.Context, dir string, progress func(Progress)) (*Checked, error) {
	c, err := verify(ctx, dir, progress)
	if err != nil {
		return nil, fmt.Errorf("checking the pack %s: %w", printable.Name(dir), err)
	}
	return c, nil
}

func verify(ctx context.Context, dir string, progress func(Progress)) (*Checked, error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	m, err := packfile.ReadManifest(dir)
	c := &Checked{Pack: dir, Damaged: []Damage{}}
	if errors.Is(err, packfile.ErrDamaged) {
		c.Damaged = append(c.Damaged, Damage{File: packfile.ManifestFile, Reason: err.Error(), Names: []string{}})
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	c.Images, c.Shards = m.Images, len(m.Shards)
	done := Progress{Of: m.Images}
	for i, entry := range m.Shards {
		progress(done)
		c.Bytes += entry.Bytes
		found := Damage{File: entry.File, Names: []string{}}
		s, file, err := m.OpenShard(dir, i)
		if err == nil {
			err = s.Verify(ctx, func(r *packfile.Record, _ error) {
				if found.Images++; len(found.Names) < mostNames {
					found.Names = append(found.Names, r.Name)
				}
			})
			err = errors.Join(err, file.Close())
		} else {
			found.Images = entry.Images
		}
		switch {
		case context.Cause(ctx) != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, packfile.ErrDamaged):
			found.Reason = err.Error()
			c.Damaged = append(c.Damaged, found)
			done.Failed += found.Images
		case err != nil:
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, entry.File), err)
		}
		done.Done += entry.Images
	}
	progress(done)
	return c, nil
}
