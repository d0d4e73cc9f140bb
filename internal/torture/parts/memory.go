// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/parallax-ssl/parallax/internal/torture/bombs"
	"github.com/parallax-ssl/parallax/internal/torture/campaign"
	"github.com/parallax-ssl/parallax/internal/torture/subject"
)

// sorted are the keys of a map, in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

var memory = campaign.Part{
	Name: "memory",
	About: "images, archives and IDX files of kilobytes that would unpack to gigabytes, each among ordinary " +
		"pictures; peak memory and time stay near those of the ordinary pictures",
	Limits: map[string]float64{"MiB above ordinary": 256, "seconds above ordinary": 2},
	Alone:  true,
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		list := bombs.All()
		if b.Short {
			list = []bombs.Bomb{list[0], list[6], list[len(list)-1]}
		}
		for _, x := range list {
			add(&cases, x.Name, func(ctx context.Context, dir string) campaign.Outcome {
				return exploded(ctx, b, x, dir)
			})
		}
		return cases, nil
	},
}

// calm is a run on ordinary pictures alone.
func calm(b *campaign.Bench) (subject.Ending, error) {
	return campaign.Once(b, "calm", func() (least subject.Ending, err error) {
		folder, err := b.Folder("calm")
		if err != nil {
			return least, err
		}
		if err := pictures(folder + "/data"); err != nil {
			return least, err
		}
		if err := os.RemoveAll(folder + "/run"); err != nil {
			return least, err
		}
		e, err := b.Program.Run(context.Background(), folder, onImages("data", "2")...)
		if err == nil && e.Status != 0 {
			err = fmt.Errorf("a run on ordinary pictures: %v", e)
		}
		return e, err
	})
}

// exploded trains on a bomb among ordinary pictures.
func exploded(ctx context.Context, b *campaign.Bench, x bombs.Bomb, dir string) (o campaign.Outcome) {
	usual, err := calm(b)
	if o.Failed(err) {
		return o
	}
	data, err := x.Write(dir)
	if err == nil && x.Image {
		err = pictures(filepath.Join(dir, data))
	}
	if o.Failed(err) {
		return o
	}
	debug.FreeOSMemory() // the kernel counts what a process holds as the first peak of one that it starts
	e, err := b.Program.With("XDG_CACHE_HOME="+dir+"/cache").Run(ctx, dir, onImages(data, "2")...)
	if o.Failed(err) {
		return o
	}
	above := float64(e.Peak-usual.Peak) / (1 << 20)
	seconds := e.Seconds - usual.Seconds
	fmt.Fprintf(b.Say, "memory: %s: %+.0f MiB, %+.1f s, status %d\n", x.Name, above, seconds, e.Status)
	if o.Max("MiB above ordinary", above); above > 256 {
		o.Fault("%s: %.0f MiB above the ordinary run", x.Name, above)
	}
	if !b.Short { // a loaded machine is slow
		o.Max("seconds above ordinary", seconds)
	}
	if o.Add("bombs", 1); e.Status != 0 || e.Signal != 0 {
		o.Add("refused", 1)
		refused(e, &o)
	}
	return o
}
