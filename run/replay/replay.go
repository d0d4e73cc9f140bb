// SPDX-License-Identifier: Apache-2.0

// Package replay opens the images of a run again and draws their views as training drew them. It needs neither libtorch
// nor cgo.
package replay

import (
	"errors"
	"fmt"
	"image"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"
	xdraw "golang.org/x/image/draw"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/run"
)

// Data is the images of a run and how training sees them, as its config says. Its methods may be called by several
// goroutines.
type Data struct {
	Source  *dataset.Source
	Recipes []augment.Recipe // of the views, at full size and strength

	data   config.Data
	stages config.Stages
	levels augment.Normalize // of images that keep their channels
	seed   uint64
	batch  int
	each   int      // batches of an optimiser step
	steps  int      // of the optimiser
	paired bool     // the views after the first are those of another image, which the run chose
	probes []string // the paths of other data on which the run is evaluated

	mu     sync.Mutex
	others map[string]*dataset.Source // that Beside has returned, by split and path
	opened []*dataset.Source          // to be closed
}

// Open opens the images of a run with the config. They must be where they were.
func Open(text []byte) (*Data, error) { return Of(text, nil) }

// Of is Open of images that are open already, unless source is nil. [Data.Close] leaves them open.
func Of(text []byte, source *dataset.Source) (*Data, error) {
	d := &Data{Source: source}
	values, err := config.Values(text, run.ConfigFile)
	if err != nil {
		return nil, err
	}
	v := map[string]string{}
	for _, one := range values {
		v[one.Path] = one.Text
	}
	numbers := func(path string, to any) {
		if err == nil && v[path] != "" {
			err = yaml.Unmarshal([]byte(v[path]), to)
		}
	}
	images, epochs := 0, 0
	d.data.Path, d.data.Split, d.data.Labels = v["data.path"], v["data.split"], v["data.labels"]
	d.data.Shuffle = v["data.shuffle"]
	d.data.Channels, d.data.Decoder, d.data.Samples = v["data.channels"], v["data.decoder"], v["data.samples"]
	numbers("data.size", &d.data.Size)
	numbers("data.low", &d.data.Low)
	numbers("data.high", &d.data.High)
	numbers("data.mean", &d.data.Mean)
	numbers("data.std", &d.data.Std)
	numbers("data.images", &images)
	numbers("probe.paths", &d.probes)
	numbers("stages.sizes", &d.stages.Sizes)
	numbers("stages.strength", &d.stages.Strength)
	numbers("stages.ends", &d.stages.Ends)
	numbers("train.batch", &d.batch)
	numbers("train.accumulate", &d.each)
	numbers("train.epochs", &epochs)
	numbers("train.max_steps", &d.steps)
	numbers("seed", &d.seed)
	d.paired = v["method.name"] == "scan"
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", run.ConfigFile, err)
	}
	if d.Recipes, err = config.Recipes(text, run.ConfigFile); err != nil {
		return nil, err
	}
	c := d.data
	if source == nil {
		d.Source, _, err = dataset.OpenAgain(c.Path, dataset.Options{Split: c.Split, Labels: c.Labels, Size: c.Size,
			Channels: c.Channels, Decoder: c.Decoder}, images)
		if err != nil {
			return nil, fmt.Errorf("opening the images of the run: %w", err)
		}
		d.opened = append(d.opened, d.Source)
	}
	if d.each = max(1, d.each); d.steps == 0 && d.batch > 0 { // as in training
		d.steps = max(1, epochs*(d.Source.Len()/d.batch)/d.each)
	}
	if c.Kept() {
		d.Source.Require(c.Format())
		d.levels = c.Normalize()
	}
	return d, nil
}

// Beside returns the split of the data at a path: the run's own, or other data on which its config says that the run is
// evaluated. Sources stay open until [Data.Close].
func (d *Data) Beside(data, split string) (*dataset.Source, error) {
	own := data == d.data.Path
	if own && split == d.Source.Split {
		return d.Source, nil
	}
	if !own && !slices.Contains(d.probes, data) {
		return nil, errors.New("they are of data that the run's config does not name")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	key := split + " " + data
	if source := d.others[key]; source != nil {
		return source, nil
	}
	var source *dataset.Source
	var err error
	if own {
		source, err = d.Source.Select(split, d.data.Labels) // closed with the whole
	} else {
		source, err = dataset.Open(data, dataset.Options{Split: split, Size: d.data.Size, Channels: d.data.Channels,
			Decoder: d.data.Decoder})
	}
	if err != nil {
		return nil, err
	}
	if !own {
		d.opened = append(d.opened, source)
	}
	if d.data.Kept() {
		source.Require(d.data.Format())
	}
	if d.others == nil {
		d.others = map[string]*dataset.Source{}
	}
	d.others[key] = source
	return source, nil
}

// Close closes what was opened here.
func (d *Data) Close() (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, source := range d.opened {
		err = errors.Join(err, source.Close())
	}
	d.opened = nil
	return err
}

// Image decodes an image, as training does. i is from 0 to Source.Len()-1.
func (d *Data) Image(i int) (*augment.Image, error) { return d.ImageOf(d.Source, i) }

// ImageOf is Image for a source that [Data.Beside] returned.
func (d *Data) ImageOf(source *dataset.Source, i int) (*augment.Image, error) {
	m, err := source.Image(i)
	if err != nil {
		return nil, err
	}
	d.levels.Levels(m)
	return m, nil
}

// Path is where the images are, as the config says.
func (d *Data) Path() string { return d.data.Path }

// Size is the side of full-size views in pixels.
func (d *Data) Size() int { return d.data.Size }

// A View is a view of an image and the operations that were drawn for it, one by one.
type View struct {
	Image *augment.Image
	Drawn []augment.Drawn
}

// The bounds of what is drawn.
const (
	mostViews  = 64
	mostPixels = 1 << 26 // of all images that are made on the way to the views
)

// ViewCount is how many views of an image Views draws by the run's own recipes.
func (d *Data) ViewCount() int { return d.first(len(d.Recipes)) }

// first is how many of so many views are drawn.
func (d *Data) first(views int) int {
	if d.paired {
		return min(views, 1)
	}
	return min(views, mostViews)
}

// Views draws the views of image i in an epoch, as training saw them. m is the image, which stays as it is. recipes
// take the place of the run's own unless they are nil. At most 64 views are drawn. Of a run that trained on pairs of
// images it is the first view: only the run knew which image the other views are of.
func (d *Data) Views(m *augment.Image, i, epoch int, recipes []augment.Recipe) ([]View, error) {
	if recipes == nil {
		recipes = d.Recipes
	}
	recipes = d.staged(recipes, i, epoch)
	var all []View
	made := 0
	for v, recipe := range recipes[:d.first(len(recipes))] {
		drawn := recipe.Draw(m.W, m.H, augment.ViewRand(d.seed, epoch, i, v))
		if made += pixels(m.W, m.H, drawn); made > mostPixels {
			return nil, fmt.Errorf("the views would take more than %d pixels on their way", mostPixels)
		}
		all = append(all, View{augment.Replay(m, drawn), single(drawn)})
	}
	return all, nil
}

// pixels bounds the pixels that operations make of an image of w by h pixels, by mostPixels+1.
func pixels(w, h int, drawn []augment.Drawn) int {
	all := min(augment.Largest(w, h, drawn), mostPixels+1)
	for _, op := range drawn {
		if all > mostPixels {
			break
		}
		w, h = op.Size(w, h)
		all += w * h
	}
	return min(all, mostPixels+1)
}

// single puts the operations of a sequence in its place.
func single(drawn []augment.Drawn) (all []augment.Drawn) {
	for _, d := range drawn {
		if s, several := d.(augment.Sequence); several {
			all = append(all, single(s)...)
		} else {
			all = append(all, d)
		}
	}
	return all
}

// staged returns the recipes as the stage of an image in an epoch has them.
func (d *Data) staged(full []augment.Recipe, index, epoch int) []augment.Recipe {
	if d.batch <= 0 || d.stages.Number() == 1 && len(d.stages.Sizes)+len(d.stages.Strength) == 0 {
		return full
	}
	n := d.Source.Len()
	place := slices.Index(dataset.OrderOf(d.Source, d.data.Shuffle == config.ByShards, d.batch, d.seed, epoch), index)
	step := (epoch*(n/d.batch) + place/d.batch) / d.each
	c := config.Config{Data: d.data, Stages: d.stages}
	return c.Staged(d.stages.At(step, d.steps), full)
}

// Picture returns an image in the form of the standard library, scaled down so that its longer side is at most side,
// unless side is 0.
func Picture(m *augment.Image, side int) *image.RGBA {
	m = m.Shown()
	p := image.NewRGBA(image.Rect(0, 0, m.W, m.H))
	for i := range m.W * m.H {
		copy(p.Pix[4*i:], m.Pix[3*i:3*i+3])
		p.Pix[4*i+3] = 255
	}
	if long := max(m.W, m.H); side > 0 && long > side {
		small := image.NewRGBA(image.Rect(0, 0, max(1, m.W*side/long), max(1, m.H*side/long)))
		xdraw.ApproxBiLinear.Scale(small, small.Bounds(), p, p.Bounds(), xdraw.Src, nil)
		p = small
	}
	return p
}
