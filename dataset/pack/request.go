// SPDX-License-Identifier: Apache-2.0

// Package pack writes packs: the images of any data set, decoded or as files, in a few large files that are checked
// when they are read. dataset.Open opens a pack as the data set that was packed.
package pack

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/internal/packfile"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/internal/spelling"
	"github.com/parallax-ssl/parallax/run"
)

// The forms in which a pack holds images.
const (
	Decoded = packfile.Decoded // pixels: 8-bit RGB, or float32 of images that keep their channels
	Files   = packfile.Files   // the bytes of the image files
	JPEG    = packfile.JPEG    // new JPEG files
	PNG     = packfile.PNG     // new PNG files, which lose nothing
)

// Forms lists the forms.
func Forms() []string { return []string{Decoded, Files, JPEG, PNG} }

// The defaults of a Request.
const (
	DefaultQuality   = 90
	DefaultShardSize = 1 << 30
	leastShard       = 1 << 16
)

// Request says what to pack, how, and where to. Only Data and Out must be set.
type Request struct {
	Data string // images, as dataset.Open takes them
	Out  string // the folder to make

	As        string // a form; "" for Decoded
	Quality   int    // of JPEG, 1 to 100; 0 for DefaultQuality
	Size      int    // the shorter side of images that are larger; 0 leaves all as they are
	ShardSize int64  // bytes of a shard, unless one image alone is larger; 0 for DefaultShardSize

	Split    string // "train", "val", "test", "all" or "none", as dataset.Options; "" for all
	Labels   string // "none", "folders" or a CSV file; "" leaves it to whoever opens the pack
	Channels string // as dataset.Options

	MaxUnreadable float64 // the share of the images that may be unreadable; see dataset.Quarantine
	Workers       int     // goroutines that read images; 0 for one per core
	Force         bool    // replace a pack that exists, and begin anew after an interruption

	// Progress, if not nil, is called at the start and after each image, from one goroutine.
	Progress func(Progress)
}

// Progress says how far Run is.
type Progress struct {
	Done, Failed, Of int // images that are packed, those of them that cannot be read, and all
	Resumed          int // images that an earlier call had packed
}

// Result describes a pack that Run has written.
type Result struct {
	Out     string   `json:"out"`
	As      string   `json:"as"`
	Images  int      `json:"images"`
	Failed  int      `json:"failed"`  // images that cannot be read
	Resumed int      `json:"resumed"` // images that earlier calls had packed
	Shards  int      `json:"shards"`
	Bytes   int64    `json:"bytes"` // of all shards
	Seconds float64  `json:"seconds"`
	Notes   []string `json:"notes"` // what the data was taken for
}

// plan is what an unfinished pack will be.
type plan struct {
	Version     int    `json:"version"`
	Fingerprint string `json:"fingerprint"`
	Images      int    `json:"images"`
	As          string `json:"as"`
	Quality     int    `json:"quality"`
	Size        int    `json:"size"`
	ShardSize   int64  `json:"shard_size"`
	Split       string `json:"split"`
	Labels      string `json:"labels"`
	Channels    string `json:"channels"`
}

// differs returns an error that says how the plan of an earlier call differs from the present one.
func (p plan) differs(now plan) error {
	for _, f := range []struct {
		what     string
		was, now any
	}{
		{"by another version of the format", p.Version, now.Version},
		{fmt.Sprintf("--as %s, not %s", p.As, now.As), p.As, now.As},
		{fmt.Sprintf("--quality %d, not %d", p.Quality, now.Quality), p.Quality, now.Quality},
		{fmt.Sprintf("--size %d, not %d", p.Size, now.Size), p.Size, now.Size},
		{fmt.Sprintf("--shard-size %d, not %d", p.ShardSize, now.ShardSize), p.ShardSize, now.ShardSize},
		{fmt.Sprintf("--channels %q, not %q", p.Channels, now.Channels), p.Channels, now.Channels},
		{fmt.Sprintf("--split %q, not %q", p.Split, now.Split), p.Split, now.Split},
		{fmt.Sprintf("--labels %q, not %q", p.Labels, now.Labels), p.Labels, now.Labels},
		{"other images, or other labels", p.Images, now.Images},
		{"other images, or other labels", p.Fingerprint, now.Fingerprint},
	} {
		if f.was != f.now {
			return errors.New("with " + f.what)
		}
	}
	return nil
}

// check returns an error in the request, and fills in its defaults.
func (q *Request) check() error {
	if q.Data == "" || q.Out == "" {
		return errors.New("name the images with --data and the folder to make with --out")
	}
	q.As = cmp.Or(q.As, Decoded)
	if !slices.Contains(Forms(), q.As) {
		return fmt.Errorf("--as %s: did you mean %s? (%s)", printable.Name(q.As), spelling.Nearest(q.As, Forms()),
			strings.Join(Forms(), ", "))
	}
	switch {
	case q.Quality != 0 && q.As != JPEG:
		return fmt.Errorf("--quality belongs to --as jpeg, and --as is %s: leave one out", q.As)
	case q.Quality < 0 || q.Quality > 100:
		return fmt.Errorf("--quality %d: it must be from 1 to 100", q.Quality)
	case q.Size != 0 && q.As == Files:
		return errors.New("--size makes other images, and --as files keeps them: leave one out, or give --as jpeg")
	case q.Size < 0 || q.Size > 1<<16:
		return fmt.Errorf("--size %d: it must be from 1 to %d pixels", q.Size, 1<<16)
	case q.ShardSize != 0 && q.ShardSize < leastShard:
		return fmt.Errorf("--shard-size %d: it must be at least %s", q.ShardSize, humanize.IBytes(leastShard))
	case q.kept() && (q.As == JPEG || q.As == PNG):
		return fmt.Errorf("--as %s holds 8-bit RGB, and --channels %s keeps more: give --as decoded or files", q.As,
			q.Channels)
	case q.MaxUnreadable < 0 || q.MaxUnreadable > 1:
		return fmt.Errorf("--max-unreadable %g: it must be from 0 to 1", q.MaxUnreadable)
	case q.Workers < 0:
		return fmt.Errorf("--workers %d: it must be 1 or more", q.Workers)
	}
	if q.As == JPEG {
		q.Quality = cmp.Or(q.Quality, DefaultQuality)
	}
	q.ShardSize = cmp.Or(q.ShardSize, DefaultShardSize)
	q.Workers = cmp.Or(q.Workers, machine.Workers())
	q.Split = cmp.Or(q.Split, dataset.SplitAll)
	q.Out = filepath.Clean(q.Out)
	return nil
}

// kept reports whether the images keep their channels and depth.
func (q *Request) kept() bool {
	return q.Channels == dataset.ChannelsKeep || q.Channels == dataset.ChannelsPages
}

// vacant returns an error if the output exists and is not to be replaced. Only a pack is ever replaced.
func (q *Request) vacant() error {
	_, err := os.Lstat(q.Out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !packfile.IsPack(q.Out):
		return run.Invalid(fmt.Errorf("%s exists and is no pack: choose another --out", printable.Name(q.Out)))
	case !q.Force:
		return run.Invalid(fmt.Errorf("%s exists: give --force to replace it, or choose another --out",
			printable.Name(q.Out)))
	}
	return nil
}

// partial is the folder of the pack while it is not finished.
func (q *Request) partial() string { return q.Out + packfile.Partial }

// plan is what the request asks for, of the images of s.
func (q *Request) plan(s *dataset.Source) plan {
	return plan{Version: packfile.Version, Fingerprint: s.Fingerprint, Images: s.Len(), As: q.As, Quality: q.Quality,
		Size: q.Size, ShardSize: q.ShardSize, Split: q.Split, Labels: q.Labels, Channels: q.Channels}
}

// readPlan reads the plan of an unfinished pack in dir, nil if there is none.
func readPlan(dir string) (*plan, error) {
	text, err := os.ReadFile(filepath.Join(dir, packfile.PlanFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var p plan
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, run.Invalid(fmt.Errorf("%s is damaged (%w): begin anew with --force",
			printable.Name(filepath.Join(dir, packfile.PlanFile)), err))
	}
	return &p, nil
}

// shrink is the filter that makes images smaller: Pillow's bicubic one, antialiased.
const shrink = augment.Bicubic
