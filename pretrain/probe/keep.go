// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/run/features"
	"github.com/parallax-ssl/parallax/torch"
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

// keep hands the features of some queries to Keep. They are spread evenly over the queries, so that all classes of
// sorted data are among them. images are the numbers of the queries in the probe's data, spectrum is that of their
// embeddings. Features that cannot be kept end no run.
func (e *Hook) keep(step int, pr *Probe, h torch.Tensor, images []int, spectrum []float64) {
	if e.Keep == nil {
		return
	}
	var s *features.Sample
	err := torch.Scope(func() error { s = sample(pr, h, images); return nil })
	if err == nil {
		s.Step, s.Data, s.Spectrum = step, pr.path, spectrum
		err = e.Keep(s)
	}
	if err != nil {
		e.Keep = nil
		e.tell(fmt.Sprintf("no features are kept from step %d on, so the map of the embedding ends there: %v", step,
			err))
	}
}

// sample takes some rows of the queries.
func sample(pr *Probe, h torch.Tensor, images []int) *features.Sample {
	n, width := h.Size(0), h.Size(1)
	few := min(n, features.Images(width))
	s := &features.Sample{Width: width, Classes: map[int]string{}}
	rows := make([]int, few)
	for i := range rows {
		rows[i] = i * n / few
		source, index := origin(pr.Queries.Data, images[rows[i]])
		image := features.Image{Index: index, Label: max(-1, pr.Queries.Data.Label(images[rows[i]]))}
		if source != nil {
			image.Name, s.Split = source.Name(index), source.Split
		}
		if image.Label >= 0 && image.Label < len(pr.Names) {
			s.Classes[image.Label] = pr.Names[image.Label]
		}
		s.Images = append(s.Images, image)
	}
	s.Rows = h.IndexSelect(0, torch.FromInts(rows, few)).Float32s()
	return s
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
