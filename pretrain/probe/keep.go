// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"math"

	"github.com/parallax-ssl/parallax/collapse/measure"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/run/features"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// shown is the probe whose queries are kept: the first of the run's own data or, without one, the first.
func (e *Hook) shown() *Probe {
	for _, p := range e.Probes {
		if p.own {
			return p
		}
	}
	return e.Probes[0]
}

// choose chooses the queries of the shown probe whose features are kept: as many as a sample has of an encoder with so
// many features, spread evenly, so that all classes of sorted data are among them.
func (e *Hook) choose(width int) {
	queries := e.shown().Queries
	visits := queries.Visits()
	few := min(len(visits), features.Images(width))
	chosen := part{Dataset: queries.Data, rows: make([]int, few)}
	for i := range chosen.rows {
		chosen.rows[i] = visits[i*len(visits)/few]
	}
	e.kept = e.Plain(chosen)
	if len(e.Config.Augment) > 1 {
		e.kept.Recipes = e.Config.Augment[:2]
	}
	e.kept.Limit = 0
}

// keep hands the features of the chosen queries to Keep. images are the numbers of the queries in the probe's data, h
// are their features, and spectrum is that of their embeddings. Features that cannot be kept end no run.
func (e *Hook) keep(p *train.Progress, h torch.Tensor, images []int, spectrum []float64) {
	if e.Keep == nil {
		return
	}
	s, err := e.sampled(p, h, images)
	if err == nil {
		s.Spectrum = spectrum
		err = e.Keep(s)
	}
	if err != nil {
		e.Keep = nil
		e.tell(fmt.Sprintf("no features are kept from step %d on, so the map of the embedding ends there: %v", p.Step,
			err))
	}
}

// sampled takes the rows of the chosen queries, and compares two views of each.
func (e *Hook) sampled(p *train.Progress, h torch.Tensor, images []int) (*features.Sample, error) {
	pr, chosen := e.shown(), e.kept.Data.(part)
	s := &features.Sample{Step: p.Step, Data: pr.path, Width: h.Size(1), Classes: map[int]string{}}
	apart, err := e.alignment(p)
	if err != nil {
		return nil, err
	}
	row := map[int]int{} // of an image that could be read
	for i, image := range images {
		row[image] = i
	}
	var rows []int
	for i, image := range chosen.rows {
		at, read := row[image]
		if !read {
			continue
		}
		rows = append(rows, at)
		if apart != nil {
			distance, known := apart[i]
			if !known {
				distance = math.NaN()
			}
			s.Alignment = append(s.Alignment, distance)
		}
		source, index := origin(pr.Queries.Data, image)
		one := features.Image{Index: index, Label: max(-1, pr.Queries.Data.Label(image))}
		if source != nil {
			one.Name, s.Split = source.Name(index), source.Split
		}
		if one.Label >= 0 && one.Label < len(pr.Names) {
			s.Classes[one.Label] = pr.Names[one.Label]
		}
		s.Images = append(s.Images, one)
	}
	err = torch.Scope(func() error {
		s.Rows = h.IndexSelect(0, torch.FromInts(rows, len(rows))).Float32s()
		return nil
	})
	return s, err
}

// alignment returns the squared distance between the embeddings of two views of each chosen query that can be read, by
// its place among them; nil for a method with one view.
func (e *Hook) alignment(p *train.Progress) (map[int]float64, error) {
	if len(e.kept.Recipes) < 2 {
		return nil, nil
	}
	views, images, err := e.embedViews(p, e.kept)
	if err != nil {
		return nil, err
	}
	defer views[0].Free()
	defer views[1].Free()
	apart := map[int]float64{}
	err = torch.Scope(func() error {
		for i, distance := range measure.Alignments(views[0].Z, views[1].Z) {
			apart[images[i]] = distance
		}
		return nil
	})
	return apart, err
}

// origin returns the source of an image of a data set that is made of parts of one, and the image's number there.
func origin(d dataset.Dataset, i int) (*dataset.Source, int) {
	for {
		p, some := d.(part)
		if !some {
			break
		}
		d, i = p.Dataset, p.rows[i]
	}
	source, _ := d.(*dataset.Source)
	return source, i
}
