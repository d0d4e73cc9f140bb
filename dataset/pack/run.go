// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/filename"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/internal/packfile"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
)

// quarantineFile lists the images that cannot be read, as beside a run.
const quarantineFile = run.QuarantineFile

// Run packs images. It writes into a folder beside Out, which gets its name when it is complete. After an interruption
// the same request goes on there, and the pack has the same bytes as without one. Errors of a full disk and the like
// are such that run.IsOutput knows.
func Run(ctx context.Context, q Request) (*Result, error) {
	if err := q.check(); err != nil {
		return nil, run.Invalid(err)
	}
	r, err := q.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("packing %s: %w", printable.Name(q.Data), err)
	}
	return r, nil
}

// job is a call of Run.
type job struct {
	*Request
	source     *dataset.Source
	maker      *maker
	quarantine *dataset.Quarantine
	id         packfile.ID
	shards     []packfile.Entry
	progress   Progress
}

func (q *Request) run(ctx context.Context) (result *Result, err error) {
	began := time.Now()
	if err := q.vacant(); err != nil {
		return nil, err
	}
	source, err := dataset.Open(q.Data, dataset.Options{Split: q.Split, Labels: q.Labels, Channels: q.Channels})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	j := &job{Request: q, source: source, maker: &maker{Request: q, source: source}}
	if source.Packed() != "" {
		return nil, run.Invalid(errors.New("it is a pack: pack the images that it was made of"))
	}
	if source.Len() == 0 {
		return nil, errors.New("there are no images in that split")
	}
	if q.As == Files && !j.hasFiles() {
		return nil, run.Invalid(fmt.Errorf("the images of %s are no files of their own: leave --as files out",
			source.Kind))
	}
	unlock, err := j.begin()
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, unlock())
		if result != nil {
			_ = os.Remove(filepath.Join(q.Out, run.LockFile))
		} else if len(j.shards) == 0 {
			_ = os.RemoveAll(q.partial()) // nothing is finished
		}
	}()
	if err := j.all(ctx); err != nil {
		return nil, err
	}
	if err := j.finish(); err != nil {
		return nil, err
	}
	result = &Result{Out: q.Out, As: q.As, Images: j.progress.Done, Failed: j.progress.Failed,
		Resumed: j.progress.Resumed, Shards: len(j.shards), Seconds: time.Since(began).Seconds(),
		Notes: append([]string{source.Summary()}, source.Remarks()...)}
	for _, s := range j.shards {
		result.Bytes += s.Bytes
	}
	return result, nil
}

// hasFiles reports whether the images are files of their own.
func (j *job) hasFiles() bool { return j.source.PackData("", false).Files }

// begin opens the unfinished pack, or begins one, and locks it.
func (j *job) begin() (unlock func() error, err error) {
	dir := j.partial()
	if _, missing := os.Stat(filepath.Dir(dir)); errors.Is(missing, fs.ErrNotExist) {
		return nil, &run.OutputError{Err: fmt.Errorf("there is no folder %s: make it first",
			printable.Name(filepath.Dir(dir)))}
	}
	if err := run.MakeWithin(dir); err != nil {
		return nil, run.Output("making "+dir, err)
	}
	free, err := run.Lock("pack", dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, free())
		}
	}()
	now := j.plan(j.source)
	text, err := json.Marshal(now)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	j.id = packfile.ID(sum[:len(j.id)])
	before, err := readPlan(dir)
	if err != nil && !j.Force {
		return nil, err
	}
	if before != nil && !j.Force {
		if err := before.differs(now); err != nil {
			return nil, run.Invalid(fmt.Errorf("%s was begun %w: give what it was begun with, or begin anew with "+
				"--force", printable.Name(dir), err))
		}
	} else if err := j.anew(dir, now); err != nil {
		return nil, err
	}
	if err := run.RemoveTemporaries(dir); err != nil {
		return nil, err
	}
	if err := os.Remove(filepath.Join(dir, quarantineFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, run.Output("removing "+quarantineFile, err)
	}
	j.quarantine, err = dataset.NewQuarantine(j.source.Len(), filepath.Join(dir, quarantineFile))
	if err != nil {
		return nil, err
	}
	j.quarantine.Allow(j.MaxUnreadable)
	j.quarantine.Setting = "--max-unreadable "
	return free, nil
}

// anew empties the folder of an unfinished pack and writes the plan.
func (j *job) anew(dir string, p plan) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == run.LockFile {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return run.Output("removing an unfinished pack", err)
		}
	}
	return run.WriteFile(filepath.Join(dir, packfile.PlanFile), run.JSON(p))
}

// all writes the shards that are not there.
func (j *job) all(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, j.quarantine.Close()) }()
	j.progress.Of = j.source.Len()
	if j.maker.shared, err = j.source.SharedSHA256(ctx); err != nil {
		return err
	}
	if err := j.finished(); err != nil {
		return err
	}
	j.progress.Resumed = j.progress.Done
	if j.progress.Done == j.progress.Of {
		return nil
	}
	if err := j.room(ctx); err != nil {
		return err
	}
	j.report()
	next, stop := j.maker.from(ctx, j.progress.Done)
	defer stop()
	var left *made // of the last shard, which it did not fit into
	for j.progress.Done < j.progress.Of {
		if left, err = j.shard(next, left); err != nil {
			return err
		}
	}
	return nil
}

// finished takes over the shards of an earlier call.
func (j *job) finished() error {
	for {
		name := packfile.ShardName(len(j.shards))
		path := filepath.Join(j.partial(), name)
		s, entry, err := readShard(path, len(j.shards), j.id)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return run.Invalid(fmt.Errorf("%s: %w: begin anew with --force", printable.Name(path), err))
		}
		for i := range s.Records {
			r := &s.Records[i]
			at := j.progress.Done
			if at >= j.source.Len() || r.Name != j.source.Name(at) {
				return run.Invalid(fmt.Errorf("%s holds other images than the data: begin anew with --force",
					printable.Name(path)))
			}
			if !slices.EqualFunc(r.Files, j.source.PackRecord(at, false).Files, sameFile) {
				return run.Invalid(fmt.Errorf("%s was begun when %s had another content or time: begin anew with "+
					"--force", printable.Name(j.partial()), printable.Name(r.Name)))
			}
			if r.Kind == packfile.Failed {
				if err := j.quarantine.Add(at, r.Name, errors.New(r.Reason)); err != nil {
					return err
				}
				j.progress.Failed++
			}
			j.progress.Done++
		}
		j.shards = append(j.shards, entry)
	}
}

// sameFile reports whether a file seems to be as it was when it was packed.
func sameFile(was, is packfile.File) bool {
	return was.Name == is.Name && was.Size == is.Size && was.Modified == is.Modified
}

// readShard reads the table of the shard at path.
func readShard(path string, number int, id packfile.ID) (*packfile.Shard, packfile.Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, packfile.Entry{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, packfile.Entry{}, err
	}
	s, err := packfile.OpenShard(f, info.Size(), number, id)
	if err != nil {
		return nil, packfile.Entry{}, err
	}
	return s, packfile.Entry{File: filepath.Base(path), Bytes: s.Size, Images: len(s.Records),
		SHA256: hex.EncodeToString(s.SHA256[:])}, nil
}

// sampled is how many images are made to estimate the size of a pack.
const sampled = 32

// diskSpare is left free on the disk.
const diskSpare = 256 << 20

// room returns an error if the pack will most likely not fit on the disk. It makes some of the images to know.
func (j *job) room(ctx context.Context) error {
	free, err := machine.FreeDisk(j.partial())
	if err != nil {
		return nil // then the disk says so itself
	}
	todo := j.source.Len() - j.progress.Done
	n := min(todo, sampled)
	var bytes, read int64
	for k := range n {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if one := j.maker.make(j.progress.Done + k*todo/n); one.err == nil && one.bad == nil {
			bytes += int64(len(one.payload))
			read++
		}
	}
	if read == 0 {
		return nil
	}
	need := uint64(float64(bytes) / float64(read) * float64(todo))
	if need+diskSpare > free {
		return run.Output("writing "+printable.Name(j.Out), fmt.Errorf("the pack will take about %s, and the disk has "+
			"%s left: free some space, give --size, --as jpeg or --as files, or choose another --out",
			humanize.IBytes(need), humanize.IBytes(free)))
	}
	return nil
}

// shard writes a shard: the image left, if there is one, and more until it is full. It returns an image that no longer
// fitted.
func (j *job) shard(next func() *made, left *made) (over *made, err error) {
	name := packfile.ShardName(len(j.shards))
	path := filepath.Join(j.partial(), name)
	err = run.WriteFile(path, func(out io.Writer) error {
		w, err := packfile.NewWriter(out, len(j.shards), j.id)
		if err != nil {
			return err
		}
		for done := j.progress.Done; done < j.progress.Of; done++ {
			one := left
			if left = nil; one == nil {
				one = next()
			}
			if one.err != nil {
				return one.err
			}
			if w.Images() > 0 && w.After(len(one.payload)) > j.ShardSize {
				over = one
				break
			}
			if err := w.Add(&one.record, one.payload); err != nil {
				return err
			}
			if one.bad != nil {
				if err := j.quarantine.Add(done, one.record.Name, one.bad); err != nil {
					return err
				}
				j.progress.Failed++
			}
			j.progress.Done++
			j.report()
		}
		return w.Close()
	})
	if err != nil {
		return nil, err
	}
	_, entry, err := readShard(path, len(j.shards), j.id)
	if err != nil {
		return nil, fmt.Errorf("reading %s again: %w", printable.Name(path), err)
	}
	j.shards = append(j.shards, entry)
	return over, nil
}

func (j *job) report() {
	if j.Progress != nil {
		j.Progress(j.progress)
	}
}

// finish writes the manifest and gives the pack its name.
func (j *job) finish() error {
	m := packfile.Manifest{ID: hex.EncodeToString(j.id[:]), As: j.As, Quality: j.Quality, Size: j.Size,
		Images: j.progress.Done, Failed: j.progress.Failed, Shards: j.shards,
		Data: j.source.PackData(j.Request.Data, j.Labels != "")}
	if j.As != Files {
		m.Decoder = dataset.DecoderTurbo
		if j.kept() {
			m.Channels = j.Channels
		}
	}
	if j.Split == dataset.SplitNone {
		m.Data.Split = dataset.SplitNone
	}
	for _, l := range j.source.Facts.LeftOut {
		m.LeftOut = append(m.LeftOut, filename.Name(l.String()))
	}
	m, err := m.Signed()
	if err != nil {
		return err
	}
	text, err := m.Text()
	if err != nil {
		return err
	}
	dir := j.partial()
	if err := run.WriteFile(filepath.Join(dir, packfile.ManifestFile), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}); err != nil {
		return err
	}
	if j.Force {
		if err := j.vacant(); err != nil {
			return err
		}
		if err := os.RemoveAll(j.Out); err != nil {
			return run.Output("replacing "+j.Out, err)
		}
	}
	if err := run.Rename(dir, j.Out); err != nil {
		return err
	}
	_ = os.Remove(filepath.Join(j.Out, packfile.PlanFile)) // which says nothing more
	return nil
}
