// SPDX-License-Identifier: Apache-2.0

package embed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// ErrNone is wrapped by the error of a data set of which no image could be embedded. Then there is no output.
var ErrNone = errors.New("no image could be embedded")

// Run embeds the images of q.Data with the encoder of q.Run and writes q.Out. It goes on where an interrupted call of
// the same Request stopped. When ctx ends, it keeps what is finished and returns the cause. A mistake in the request,
// an output that exists, and an interrupted call of another request are errors that run.Invalid marks; a full disk and
// the like are such that run.IsOutput knows.
func Run(ctx context.Context, q Request) (*Result, error) {
	if err := q.check(); err != nil {
		return nil, run.Invalid(err)
	}
	r, err := q.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("embedding %s: %w", printable.Name(q.Data), err)
	}
	return r, nil
}

// job is a call of Run.
type job struct {
	*Request
	source  *dataset.Source
	encoder *encoder.Encoder
	journal *journal
	plan    plan
	resumed int
	rooted  bool // the data is a path, which must stay
}

func (q *Request) run(ctx context.Context) (result *Result, err error) {
	if _, unfinished := os.Stat(q.partial()); !q.Force && unfinished != nil {
		if err := q.vacant(); err != nil {
			return nil, err
		}
	}
	_, missing := os.Stat(q.Data)
	j := &job{Request: q, rooted: missing == nil}
	var before *plan
	if j.journal, before, err = openJournal(q.partial()); err != nil {
		return nil, err
	}
	done := false
	defer func() {
		err = errors.Join(err, j.journal.close())
		if done {
			err = errors.Join(err, j.journal.remove())
		}
	}()
	if err := j.open(before); err != nil {
		done = before == nil // nothing is finished
		return nil, err
	}
	defer func() { err = errors.Join(err, j.source.Close(), j.encoder.Close()) }()
	if before == nil || q.Force {
		err = j.journal.start(j.plan)
	} else {
		err = j.goOn(*before)
	}
	if err != nil {
		return nil, err
	}
	j.resumed = j.journal.rows

	began := time.Now()
	if err := j.all(ctx); err != nil {
		return nil, err
	}
	seconds := time.Since(began).Seconds()
	if j.journal.failed == j.journal.rows {
		done = true
		return nil, j.none()
	}
	result = &Result{Out: q.Out, Rows: j.journal.rows, Failed: j.journal.failed, Resumed: j.resumed,
		Dim: j.encoder.Features(), Seconds: seconds, Card: j.card(),
		Notes: slices.Concat(j.encoder.Describe().Imported.Summary(), []string{j.source.Summary()}, j.source.Remarks())}
	if seconds > 0 {
		result.Rate = float64(result.Rows-result.Resumed) / seconds
	}
	if result.Failures, err = j.write(ctx); err != nil {
		return nil, err
	}
	done = true
	return result, nil
}

// open opens the encoder and the images that it takes, and makes the plan. What the request leaves open is as in the
// plan before.
func (j *job) open(before *plan) (err error) {
	q, was := j.Request, plan{}
	if before != nil && !q.Force {
		was = *before
	}
	j.plan = plan{Version: planVersion, Layer: q.Layer, Views: q.Views, Mirror: q.Mirror, Normalize: q.Normalize,
		Float16: q.Float16,
		Device:  cmp.Or(q.Device, was.Device, "cpu"),
		Batch:   cmp.Or(q.Batch, min(max(was.Batch, 0), mostBatch), encoder.DefaultBatchSize),
		Threads: cmp.Or(q.Threads, min(max(was.Threads, 0), mostThreads), machine.Threads()),
	}
	if err := torch.Use(j.plan.Device); err != nil {
		return run.Invalid(err)
	}
	options := []encoder.Option{encoder.Layer(q.Layer), encoder.Views(q.Views), encoder.BatchSize(j.plan.Batch)}
	if q.Mirror {
		options = append(options, encoder.Mirror())
	}
	if q.Normalize {
		options = append(options, encoder.Normalize())
	}
	if j.encoder, err = encoder.Open(q.Run, options...); err != nil {
		return err
	}
	if err = j.images(); err != nil {
		return errors.Join(err, j.encoder.Close())
	}
	err = torch.Scope(func() error { torch.SetThreads(j.plan.Threads); return nil })
	if err == nil && j.encoder.Features() > embedding.MaxDim {
		err = fmt.Errorf("an embedding has %d dimensions: a file holds at most %d", j.encoder.Features(),
			embedding.MaxDim)
	}
	if err == nil {
		j.plan.Weights, err = j.encoder.WeightsSHA256()
	}
	if err != nil {
		return errors.Join(err, j.source.Close(), j.encoder.Close())
	}
	return nil
}

// images opens the images, with the channels that the encoder takes.
func (j *job) images() (err error) {
	o := dataset.Options{Split: j.Split, Labels: j.Labels, Channels: j.encoder.Describe().Kept}
	if j.source, err = dataset.Open(j.Data, o); err != nil {
		return err
	}
	j.plan.Fingerprint, j.plan.Images = j.source.Fingerprint, j.source.Len()
	if j.plan.Images == 0 {
		return errors.Join(errors.New("there are no images in that split"), j.source.Close())
	}
	return nil
}

// goOn continues the journal of an interrupted call.
func (j *job) goOn(before plan) error {
	err := before.differs(j.plan)
	if err == nil {
		if err := j.journal.open(); err != nil {
			return err
		}
		err = j.same()
	}
	if err != nil {
		return run.Invalid(fmt.Errorf("%s was begun %w: give what it was begun with, or begin anew with --force",
			j.partial(), err))
	}
	return nil
}

// resampled is how many of the finished images are hashed again when a call goes on.
const resampled = 64

// same returns an error if finished rows are not those of the images: their number, their names, or, for some of them,
// their hashes.
func (j *job) same() error {
	if j.journal.rows > j.plan.Images || j.journal.rows < j.plan.Images && j.journal.rows%j.encoder.Batch() != 0 {
		return errors.New("with other batches")
	}
	every := max(1, j.journal.rows/resampled)
	at := 0
	for rows, err := range j.journal.records() {
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Path != j.source.Name(at) {
				return errors.New("with other images, or other labels")
			}
			if at%every == 0 && r.SHA256 != "" {
				if now := j.read(at); now.sum != r.SHA256 {
					return fmt.Errorf("when %s had another content", printable.Name(r.Path))
				}
			}
			at++
		}
	}
	return nil
}

// card describes the output.
func (j *job) card() embedding.Card {
	about := j.encoder.Describe()
	precision := "float32"
	if j.Float16 {
		precision = "float16"
	}
	card := embedding.Card{
		embedding.CardModel: fmt.Sprintf("%s, width %d, stem %s, norm %s", about.Architecture, about.Width, about.Stem,
			about.Norm),
		embedding.CardMethod: about.Method, embedding.CardWeights: j.plan.Weights,
		embedding.CardData: j.Data, embedding.CardFingerprint: j.plan.Fingerprint,
		embedding.CardLayer: j.Layer, embedding.CardViews: strconv.Itoa(j.Views),
		embedding.CardMirrored:   strconv.FormatBool(j.Mirror),
		embedding.CardNormalized: strconv.FormatBool(j.Normalize), embedding.CardSize: strconv.Itoa(about.Size),
		embedding.CardPrecision: precision,
	}
	if about.Kept != "" {
		card[embedding.CardChannels] = about.Kept
	}
	if j.Version != "" {
		card[embedding.CardVersion] = j.Version
	}
	return card
}

// none is the error of a data set without a readable image.
func (j *job) none() error {
	for rows, err := range j.journal.records() {
		if err != nil {
			return err
		}
		return fmt.Errorf("%w of %d: the first one, %s: %s", ErrNone, j.journal.rows, printable.Name(rows[0].Path),
			rows[0].Reason)
	}
	return ErrNone
}

// all embeds the images that are not in the journal.
func (j *job) all(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	j.report()
	for batch := range j.batches(ctx) {
		rows, err := j.embed(ctx, batch)
		if err != nil {
			return err
		}
		if err := j.journal.add(rows); err != nil {
			return err
		}
		j.report()
	}
	return context.Cause(ctx)
}

func (j *job) report() {
	if j.Progress != nil {
		j.Progress(Progress{Done: j.journal.rows, Failed: j.journal.failed, Of: j.plan.Images, Resumed: j.resumed})
	}
}

// embed runs the images of a batch that could be read through the network and returns a row for each image.
func (j *job) embed(ctx context.Context, b *batch) ([]embedding.Row, error) {
	if err := b.wait(ctx); err != nil {
		return nil, err
	}
	rows := make([]embedding.Row, len(b.images))
	var inputs []*encoder.Input
	var places []int
	for i, m := range b.images {
		if m.fatal != nil {
			return nil, m.fatal
		}
		rows[i] = embedding.Row{Path: j.source.Name(b.start + i), SHA256: m.sum, Status: embedding.OK}
		if label := j.source.Label(b.start + i); label >= 0 {
			rows[i].Label = j.source.Classes[label]
		}
		if m.err != nil {
			fail(&rows[i], m.err)
			continue
		}
		inputs, places = append(inputs, m.input), append(places, i)
	}
	if len(inputs) == 0 {
		return rows, nil
	}
	vectors, err := j.encoder.EmbedInputs(ctx, inputs)
	if err != nil {
		return nil, err
	}
	for k, i := range places {
		r := &rows[i]
		if !finite(vectors[k]) {
			fail(r, errors.New("its embedding is not finite"))
			continue
		}
		if j.Float16 {
			if err := embedding.FitsFloat16(vectors[k]); err != nil {
				return nil, fmt.Errorf("%s: %w", printable.Name(r.Path), err)
			}
		}
		r.Vector = vectors[k]
	}
	return rows, nil
}

// write writes the journal's rows into the output, and returns the first ones that failed.
func (j *job) write(ctx context.Context) (failures []Failure, err error) {
	if err := embedding.RemoveTemporaries(j.Out); err != nil {
		return nil, err
	}
	w, err := embedding.Create(j.Out, embedding.Options{Dim: j.encoder.Features(), Card: j.card(), Float16: j.Float16})
	if err != nil {
		return nil, err
	}
	at := 0
	for rows, err := range j.journal.records() {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			err = w.Write(rows...)
		}
		if err != nil {
			return nil, errors.Join(err, w.Discard())
		}
		for _, r := range rows {
			if r.Status == embedding.Failed && len(failures) < mostFailures {
				failures = append(failures, Failure{Row: at, Path: r.Path, Reason: r.Reason})
			}
			at++
		}
	}
	if at != j.plan.Images {
		return nil, errors.Join(fmt.Errorf("%s has %d rows of %d: it was changed", j.partial(), at, j.plan.Images),
			w.Discard())
	}
	return failures, w.Close()
}
