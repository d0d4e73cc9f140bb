// SPDX-License-Identifier: Apache-2.0

// Package scale plans a run for more machines than there are: what its processes exchange in a step, and how long that
// takes; how large the index of its images, an order of them and a checkpoint are; and how well images are mixed.
//
// Nothing is guessed that can be counted. The exchanges are those of real steps of the method in one process, which
// exchanges with itself: at two small batches and two sizes of a view, from which follow those at any batch, for they
// are linear in it, and at any size. The index and an order are real ones of fewer images. Times are a model, see
// [Cluster.Time].
package scale

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// Cluster is where a run shall take place.
type Cluster struct {
	Machines  int           `json:"machines"`
	Processes int           `json:"processes"`      // on each machine, one a GPU
	Links     []float64     `json:"links_bits_s"`   // between machines, in bits a second: a plan has a time for each
	Latency   time.Duration `json:"latency_ns"`     // of a message from one process to another
	Disk      float64       `json:"disk_bytes_s"`   // for checkpoints, in bytes a second
	Speed     float64       `json:"images_s_alone"` // of one process alone; 0: not known
}

// All is the number of all processes.
func (c *Cluster) All() int { return c.Machines * c.Processes }

// Request is what is to be planned.
type Request struct {
	Cluster  Cluster
	Method   string // "": every method
	Preset   string
	Backbone string // "": the preset's
	Size     int    // side of a view in pixels
	Batch    int    // of all processes; 0: [UsualShare] for each
	Images   int
	PerShard int // images in an archive

	entries []method.Entry
}

// UsualShare is how many images of a batch a process has, if nothing else is said.
const UsualShare = 64

// Plan is what a run would take.
type Plan struct {
	Cluster Cluster  `json:"cluster"`
	Batch   int      `json:"batch"`
	Images  int      `json:"images"`
	Index   *Index   `json:"index"`
	Shuffle *Shuffle `json:"shuffle"`
	Methods []Method `json:"methods"`

	request Request
}

// Method is what a run by one method exchanges and saves.
type Method struct {
	Name     string        `json:"method"`
	Step     torch.Traffic `json:"step"`       // of a step, see [torch.Traffic]; of notes those of all processes
	Sent     float64       `json:"sent_bytes"` // by each process in a step
	Times    []Time        `json:"times"`      // of a step's exchanges, for each link
	Epoch    float64       `json:"epoch_bytes"`
	State    float64       `json:"checkpoint_bytes"`
	SaveTime float64       `json:"checkpoint_s"`
	// Unplanned is why there is nothing else; "" if there is.
	Unplanned string `json:"unplanned,omitempty"`
}

// Time is how long the exchanges of a step take, in seconds.
type Time struct {
	Link      float64 `json:"link_bits_s"`
	Gradients float64 `json:"gradients_s"` // their averages, which are exchanged while backward goes on
	Others    float64 `json:"others_s"`    // what the processes wait for
	// Efficiency is the speed of a process beside its speed alone, if half of its step is there to hide gradients in.
	// 0: the speed is not known.
	Efficiency float64 `json:"efficiency,omitempty"`
}

// New plans what does not depend on the method; [Plan.Simulate] adds the methods.
func New(ctx context.Context, r Request) (*Plan, error) {
	if err := r.complete(); err != nil {
		return nil, run.Invalid(err)
	}
	p := &Plan{Cluster: r.Cluster, Batch: r.Batch, Images: r.Images, request: r}
	var err error
	if p.Index, err = measureIndex(r.Images); err != nil {
		return nil, err
	}
	p.Shuffle, err = measureShuffle(ctx, r.Images, r.PerShard, r.Batch)
	return p, err
}

// Simulate plans one method after the other, adds each to the plan, and yields it.
func (p *Plan) Simulate(ctx context.Context) iter.Seq2[Method, error] {
	return func(yield func(Method, error) bool) {
		for _, e := range p.request.entries {
			m, err := p.request.method(ctx, e)
			if err == nil {
				p.Methods = append(p.Methods, m)
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// complete checks the request and sets what was left out.
func (r *Request) complete() error {
	c := &r.Cluster
	for _, is := range []struct {
		name  string
		value float64
		most  float64
	}{
		{"machines", float64(c.Machines), 1e5}, {"processes on a machine", float64(c.Processes), 1e3},
		{"images", float64(r.Images), 1e12}, {"images of an archive", float64(r.PerShard), 1e9},
		{"pixels of a view", float64(r.Size), 4096}, {"bytes a second of the disk", c.Disk, 1e15},
	} {
		if !(is.value >= 1) || is.value > is.most {
			return fmt.Errorf("the %s are %g: give 1 to %g", is.name, is.value, is.most)
		}
	}
	if len(c.Links) == 0 {
		return errors.New("no speed of a link is given")
	}
	for _, link := range c.Links {
		if !(link > 0) || math.IsInf(link, 0) {
			return fmt.Errorf("a link has %g bits a second: give more than 0", link)
		}
	}
	if c.Latency < 0 || !(c.Speed >= 0) {
		return errors.New("a latency and a speed are at least 0")
	}
	r.Batch = cmp.Or(r.Batch, UsualShare*c.All())
	if r.Batch < 2*c.All() || r.Batch%c.All() != 0 {
		return fmt.Errorf("the batch is %d: it must be a multiple of the %d processes, and have two images for each "+
			"or more", r.Batch, c.All())
	}
	if r.Images < r.Batch {
		return fmt.Errorf("there are %d images, fewer than a batch of %d", r.Images, r.Batch)
	}
	if r.Backbone != "" {
		if _, err := backbone.Find(r.Backbone); err != nil {
			return err
		}
	}
	if _, err := preset.About(r.Preset); err != nil {
		return err
	}
	r.entries = method.All
	if r.Method != "" {
		e, err := method.Find(r.Method)
		if err != nil {
			return err
		}
		r.entries = []method.Entry{e}
	}
	return nil
}

// method plans one method.
func (r *Request) method(ctx context.Context, e method.Entry) (Method, error) {
	m := Method{Name: e.Name}
	if s, ok := parallax.As[parallax.Stager](e.New()); ok {
		m.Unplanned = "it is a stage of parallax " + s.Command()
		return m, nil
	}
	simulated, err := r.simulate(ctx, e)
	if err != nil {
		if ctx.Err() != nil {
			return m, context.Cause(ctx)
		}
		if r.Method != "" || errors.Is(err, torch.ErrNoEngine) {
			return m, err
		}
		m.Unplanned = err.Error()
		return m, nil
	}
	c := &r.Cluster
	a, b := simulated.small, simulated.images
	m.Step = simulated.step(r.Batch)
	m.Step.Noted.Bytes *= c.All()
	m.Sent = sent(m.Step, c.All())
	m.Epoch = along(a.images, a.epoch, b.images, b.epoch, float64(r.Images))
	m.State = along(a.images, float64(a.State), b.images, float64(b.State), float64(r.Images))
	m.SaveTime = m.State / c.Disk
	for _, link := range c.Links {
		m.Times = append(m.Times, c.Time(m.Step, link, r.Batch))
	}
	return m, nil
}

// simulation is the exchanges of real steps with few images.
type simulation struct {
	*pretrain.Exchanges
	images float64 // of the data set
	epoch  float64 // bytes that were exchanged before the first step
}

// The size of a simulation. A data set has more images than a queue has room for: what a checkpoint has then grows with
// the images, or not at all. But an epoch that a method looks at before its first step is short.
const (
	simulatedBatch  = 32
	simulatedImages = 1 << 17
	simulatedEpoch  = 1 << 12
	simulatedSize   = 32
	simulatedLarger = 48
)

// simulations are those of a method: the usual one, and each of the others larger in one way.
type simulations struct {
	small  *simulation
	batch  *simulation // with twice the batch
	view   *simulation // with larger views
	images *simulation // with twice the images
	// ofViews extends from the usual views to the run's: times the batch, it is the factor of the bytes by which the
	// larger views raised the exchange.
	ofViews float64
}

// simulate makes steps of a method. A ViT has position embeddings for its patches, so its views have the run's size.
func (r *Request) simulate(ctx context.Context, e method.Entry) (s simulations, err error) {
	images := simulatedImages
	if _, ok := parallax.As[parallax.Starter](e.New()); ok {
		images = simulatedEpoch
	}
	whole, err := r.job(ctx, e.Name, r.Size, simulatedBatch, simulatedEpoch, "")
	if err != nil {
		return s, err
	}
	c := whole.Config.Backbone
	if err := whole.Close(); err != nil {
		return s, err
	}
	at := func(times, images, size int) *simulation {
		if err != nil {
			return nil
		}
		var made *simulation
		made, err = r.steps(ctx, e.Name, size, times*simulatedBatch, images, c.Stem)
		return made
	}
	if c.Norm == nn.LayerStatistics.String() {
		s.small, s.batch, s.images = at(1, images, r.Size), at(2, images, r.Size), at(1, 2*images, r.Size)
		s.view = s.small
		return s, err
	}
	s.small, s.batch = at(1, images, simulatedSize), at(2, images, simulatedSize)
	s.images, s.view = at(1, 2*images, simulatedSize), at(1, images, simulatedLarger)
	s.ofViews = along(square(simulatedSize), 0, square(simulatedLarger), 1, square(r.Size)) / simulatedBatch
	return s, err
}

func square(n int) float64 { return float64(n) * float64(n) }

// steps makes steps of a method on so many synthetic images.
func (r *Request) steps(ctx context.Context, name string, size, batch, images int, stem string) (*simulation, error) {
	j, err := r.job(ctx, name, size, batch, images, stem)
	if err != nil {
		return nil, err
	}
	made, err := j.Exchanges(ctx)
	if err = errors.Join(err, j.Close()); err != nil {
		return nil, err
	}
	return &simulation{Exchanges: made, images: float64(images),
		epoch: float64(made.Start.Gathered.Bytes + made.Start.Summed.Bytes + made.Start.Sent.Bytes)}, nil
}

// job describes a run on synthetic images.
func (r *Request) job(ctx context.Context, name string, size, batch, images int, stem string) (*pretrain.Job, error) {
	settings := []pretrain.Setting{
		pretrain.Set("data.path", fmt.Sprintf("synthetic:%d", images)), pretrain.Set("data.size", size),
		pretrain.Set("data.mean", "[0.5, 0.5, 0.5]"), pretrain.Set("data.std", "[0.25, 0.25, 0.25]"),
		pretrain.Set("method.name", name), pretrain.Set("train.batch", batch), pretrain.Set("train.accumulate", 1),
		pretrain.Set("train.max_steps", 2), pretrain.Set("train.precision", "float32"),
		pretrain.Set("train.on_collapse", "off"), pretrain.Set("probe.limit", 64), pretrain.Set("probe.linear", false),
	}
	if r.Backbone != "" {
		settings = append(settings, pretrain.Set("backbone.name", r.Backbone))
	}
	if stem != "" {
		settings = append(settings, pretrain.Set("backbone.stem", stem))
	}
	return pretrain.Resolve(ctx, &pretrain.Request{Preset: r.Preset, Settings: settings})
}

// step returns the traffic of a step at a batch.
func (s *simulations) step(batch int) torch.Traffic {
	at := func(of func(*torch.Traffic) torch.Exchanges) torch.Exchanges {
		usual, more, large := of(&s.small.Step), of(&s.batch.Step), of(&s.view.Step)
		bytes := along(float64(s.small.Batch), float64(usual.Bytes), float64(s.batch.Batch), float64(more.Bytes),
			float64(batch))
		bytes += float64(large.Bytes-usual.Bytes) * s.ofViews * float64(batch)
		return torch.Exchanges{Calls: usual.Calls, Bytes: int(math.Round(bytes))}
	}
	return torch.Traffic{
		Gathered: at(func(t *torch.Traffic) torch.Exchanges { return t.Gathered }),
		Summed:   at(func(t *torch.Traffic) torch.Exchanges { return t.Summed }),
		Sent:     at(func(t *torch.Traffic) torch.Exchanges { return t.Sent }),
		Averaged: at(func(t *torch.Traffic) torch.Exchanges { return t.Averaged }),
		Noted:    at(func(t *torch.Traffic) torch.Exchanges { return t.Noted }),
	}
}

// along is the value at x of the line through two points.
func along(x0, y0, x1, y1, x float64) float64 { return y0 + (y1-y0)*(x-x0)/(x1-x0) }

// sent returns how many bytes each of n processes sends in a step, in a ring: of a gathered result the parts of all
// others but its neighbour's, of a sum each part twice.
func sent(t torch.Traffic, n int) float64 {
	return gathered(t.Gathered, n) + gathered(t.Noted, n) + summed(t.Summed, n) + summed(t.Averaged, n) +
		float64(t.Sent.Bytes)*shareOfOthers(n)
}

func shareOfOthers(n int) float64 { return float64(n-1) / float64(n) }

func gathered(e torch.Exchanges, n int) float64 { return shareOfOthers(n) * float64(e.Bytes) }

func summed(e torch.Exchanges, n int) float64 { return 2 * shareOfOthers(n) * float64(e.Bytes) }

// Time is a model of how long the exchanges of a step take. The processes form a ring, in which a machine's link
// carries what one process sends. Each exchange also takes the latency of its messages, one after the other along a
// tree over the processes and back.
func (c *Cluster) Time(t torch.Traffic, link float64, batch int) Time {
	n := c.All()
	hops := 2 * math.Ceil(math.Log2(float64(n)))
	took := func(bytes float64, calls int) float64 {
		return 8*bytes/link + float64(calls)*hops*c.Latency.Seconds()
	}
	calls := t.Gathered.Calls + t.Summed.Calls + t.Sent.Calls + t.Noted.Calls
	r := Time{Link: link, Gradients: took(summed(t.Averaged, n), t.Averaged.Calls)}
	r.Others = took(sent(t, n)-summed(t.Averaged, n), calls)
	if c.Speed > 0 {
		alone := float64(batch) / float64(n) / c.Speed
		r.Efficiency = alone / (alone + r.Others + math.Max(0, r.Gradients-alone/2))
	}
	return r
}
