// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/run"
)

// recordContent writes what the images contain beside the run in dir and returns its digest, "" for images that are no
// files.
func (j *Job) recordContent(ctx context.Context, dir string) (digest string, err error) {
	c, err := j.Source.Content(ctx, j.Config.Data.Hash)
	if err != nil || len(c) == 0 {
		return "", err
	}
	return c.Digest(), run.WriteFile(filepath.Join(dir, run.DataFile), c.Write)
}

// checkContent refuses to resume the run in dir if its images contain something else than when the checkpoint was made
// whose manifest is m. It returns the digest for the next checkpoints. A checkpoint of an earlier Parallax does not say
// what they contained; then the present content is recorded.
func (j *Job) checkContent(ctx context.Context, dir string, m checkpoint.Manifest, o *Options) (string, error) {
	before, err := dataset.ReadContent(filepath.Join(dir, run.DataFile))
	known := err == nil && (m.Data == "" || before.Digest() == m.Data)
	switch {
	case known && len(before) > 0:
		now, err := j.Source.Like(ctx, before)
		if err != nil {
			return "", err
		}
		d := before.Changes(now)
		if d.Any() && j.Source.Altered() {
			return "", run.Invalid(fmt.Errorf("the pack holds other pixels (%s) than the images that the run in %s "+
				"was trained on: give the images themselves, a pack of them as they are, or begin a new run with --out",
				j.Source.Packed(), dir))
		}
		if d.Any() {
			return "", run.Invalid(fmt.Errorf("the images of the run in %s are not those it was trained on: %s; undo "+
				"this, or begin a new run with --out", dir, d))
		}
		if d.Unknown > 0 {
			o.note(fmt.Sprintf("%d files have a new modification time and were not in the hashed sample, so a "+
				"change of their content cannot be seen (a run with data.hash=all sees it)", d.Unknown))
		}
		return before.Digest(), nil
	case m.Data == "":
		return j.recordContent(ctx, dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		o.note(fmt.Sprintf("%s is damaged (%v)", run.DataFile, err))
	}
	now, err := j.Source.Content(ctx, j.Config.Data.Hash)
	if err != nil {
		return "", err
	}
	if now.Digest() != m.Data {
		return "", run.Invalid(fmt.Errorf("the images of the run in %s are not those it was trained on, and its %s, "+
			"which would tell the files, is not there or not that of its checkpoints: put the images back, or begin a "+
			"new run with --out", dir, run.DataFile))
	}
	o.note(fmt.Sprintf("made again in %s: %s", dir, run.DataFile))
	return m.Data, run.WriteFile(filepath.Join(dir, run.DataFile), now.Write)
}
