// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"context"
	"fmt"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/features"
	"github.com/parallax-ssl/parallax/run/replay"
)

// Sample returns the features of at most n images of the run in dir, spread evenly over the images that it was trained
// on, by its last encoder, as [features.Read] does of a run that kept features. An image that cannot be read is left
// out. The step is 0, since the encoder does not say it.
func Sample(ctx context.Context, dir string, n int) (*features.Sample, error) {
	text, err := run.ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	data, err := replay.Open(text)
	if err != nil {
		return nil, err
	}
	defer data.Close()
	e, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	s := &features.Sample{Data: data.Path(), Split: data.Source.Split, Width: e.Features(), Classes: map[int]string{}}
	of := data.Source.Len()
	n = min(n, of, features.Images(s.Width))
	var batch []*augment.Image
	add := func() error {
		rows, err := e.Embed(ctx, batch)
		batch = nil
		for _, row := range rows {
			unit(row)
			s.Rows = append(s.Rows, row...)
		}
		return err
	}
	for k := range n {
		i := k * of / n
		m, err := data.Image(i)
		if err != nil {
			continue
		}
		label := max(-1, data.Source.Label(i))
		if label >= 0 && label < len(data.Source.Classes) {
			s.Classes[label] = data.Source.Classes[label]
		}
		s.Images = append(s.Images, features.Image{Index: i, Name: data.Source.Name(i), Label: label})
		if batch = append(batch, m); len(batch) == e.Batch() {
			if err := add(); err != nil {
				return nil, err
			}
		}
	}
	if len(batch) > 0 {
		if err := add(); err != nil {
			return nil, err
		}
	}
	if len(s.Images) == 0 {
		return nil, fmt.Errorf("none of %d images can be read", n)
	}
	return s, nil
}
