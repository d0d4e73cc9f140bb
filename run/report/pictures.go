// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image/jpeg"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dustin/go-humanize"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/chart"
	"github.com/parallax-ssl/parallax/internal/crash"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/features"
	"github.com/parallax-ssl/parallax/run/replay"
)

// pictures are the parts of a report that need images, or features of some.
type pictures struct {
	Views      []viewed
	NoViews    string   // why there are none
	Maps       []figure // the first and the last
	MapNote    string
	Legend     []legend
	NoMap      string // why there is none
	Near       []near
	Purity     string // a sentence
	NoNear     string // why there are no pictures of neighbours
	Spectrum   *figure
	NoSpectrum string
	Chance     string // what is had without features; "" if no labels are known
	Left       int    // pictures that had no room
}

// A picture is a small image.
type picture struct {
	Source template.URL // data:image/jpeg;base64,...
	Alt    string
	W, H   int
	Small  bool // an image of so few pixels that it is enlarged
}

// viewed is an image and its views.
type viewed struct {
	Name  string
	Image *picture
	Views []view
}

type view struct {
	*picture
	Drawn []string // the operations with their numbers
}

// near is an image and its nearest neighbours.
type near struct {
	Image *picture
	Name  string
	Label string
	Near  []neighbour
}

type neighbour struct {
	*picture
	Label, Cosine string
	Same, Other   bool // the label is that of the image, or another one
}

type legend struct {
	Class string // in the style sheet
	Name  string
	Count string
}

// An album makes pictures as long as there is room.
type album struct {
	left    int // bytes
	refused int
}

// The sides of pictures in pixels, and how well they are kept.
const (
	viewSide = 112
	nearSide = 80
	quality  = 82
	enlarged = 48 // a picture with a shorter side is enlarged
)

// picture returns a small picture of an image; nil without room.
func (a *album) picture(m *augment.Image, side int, alt string) *picture {
	p := replay.Picture(m, side)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, p, &jpeg.Options{Quality: quality}); err != nil {
		a.refused++
		return nil
	}
	const head = "data:image/jpeg;base64,"
	size := len(head) + base64.StdEncoding.EncodedLen(b.Len()) + 3*len(alt) + 200
	if size > a.left {
		a.refused++
		return nil
	}
	a.left -= size
	size = max(p.Rect.Dx(), p.Rect.Dy())
	return &picture{template.URL(head + base64.StdEncoding.EncodeToString(b.Bytes())), alt, p.Rect.Dx(), p.Rect.Dy(),
		size <= enlarged}
}

// newPictures makes the parts that need images or features.
func newPictures(ctx context.Context, s *story, o Options, a *album) *pictures {
	p := &pictures{}
	// Opening data may take long and cannot be stopped. What comes too late is left out.
	data, err := inTime(ctx, func() (*replay.Data, error) {
		if s.config == nil {
			return nil, errors.New("without the settings the images are not known")
		}
		return replay.Of(s.config, o.Source)
	})
	if data != nil {
		defer func() { go data.Close() }() // without waiting for what comes too late
	}
	if err != nil {
		p.NoViews, p.NoNear = sentence(err), sentence(err)
	} else {
		p.views(ctx, data, a)
	}
	first, last, err := s.samples(ctx, o)
	if err != nil {
		p.NoMap = sentence(err)
	}
	p.chance(data, s, last)
	if last == nil {
		p.NoNear = cmp.Or(p.NoNear, p.NoMap)
		p.spectrum(s, nil, nil)
		return p
	}
	p.spectrum(s, first, last)
	all, err := last.Neighbours(ctx, mostNeighbours)
	if err != nil {
		p.NoMap, p.NoNear = late, late
		return p
	}
	p.purity(ctx, first, last, all)
	if data != nil {
		p.near(ctx, data, s, last, all, a)
	}
	p.draw(ctx, first, last)
	p.Left = a.refused
	return p
}

// late is why a part is missing that had no time.
const late = "There was no time for it: parallax report --run DIR writes it."

// sentence is an error as a sentence.
func sentence(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return late
	}
	text := strings.TrimSuffix(shown(err.Error(), mostText), ".") + "."
	return strings.ToUpper(text[:1]) + text[1:]
}

// inTime returns what f returns, or the error of ctx if it ends before. f then goes on for nobody, so it must use
// nothing that is closed later.
func inTime[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() { done <- r }()
		defer crash.Recover(&r.err)
		r.value, r.err = f()
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// samples returns the features that the run kept first and last; first is nil if there is one evaluation.
func (s *story) samples(ctx context.Context, o Options) (first, last *features.Sample, err error) {
	folder := os.DirFS(filepath.Join(s.dir, run.FeaturesDir))
	steps, err := features.Steps(folder)
	if err != nil {
		return nil, nil, err
	}
	if len(steps) == 0 {
		if o.Features == nil {
			return nil, nil, errors.New("the run kept no features of images")
		}
		last, err = inTime(ctx, func() (*features.Sample, error) { return o.Features(ctx) })
		if err == nil {
			last.Step, _ = s.steps()
		}
		return nil, last, err
	}
	if last, err = features.Read(folder, steps[len(steps)-1]); err != nil {
		return nil, nil, err
	}
	if len(steps) > 1 {
		var failed error
		if first, failed = features.Read(folder, steps[0]); failed != nil || len(first.Images) != len(last.Images) {
			first = nil // the map of the last one is worth more
		}
	}
	return first, last, nil
}

// The numbers of images that are shown.
const (
	shownViews      = 5  // images with their views
	mostShownViews  = 10 // views of an image
	shownNear       = 8  // images with their neighbours
	shownNeighbours = 7
	mostNeighbours  = 10 // by which neighbours are judged
)

// views shows the views of some images, evenly from the whole data, in the first epoch.
func (p *pictures) views(ctx context.Context, d *replay.Data, a *album) {
	n := d.Source.Len()
	var failed error
	for k := range shownViews {
		i := k * n / shownViews
		if ctx.Err() != nil {
			p.NoViews = late
			return
		}
		if k > 0 && i == (k-1)*n/shownViews {
			continue
		}
		one, err := viewsOf(d, i, a)
		if err != nil {
			failed = err
			continue
		}
		if one != nil {
			p.Views = append(p.Views, *one)
		}
	}
	if len(p.Views) == 0 && failed != nil {
		p.NoViews = sentence(failed)
	}
}

// viewsOf draws the views of one image; nil without room.
func viewsOf(d *replay.Data, i int, a *album) (one *viewed, err error) {
	defer crash.Recover(&err)
	m, err := d.Image(i)
	if err != nil {
		return nil, err
	}
	name := shown(d.Source.Name(i), 120)
	views, err := d.Views(m, i, 0, nil)
	if err != nil {
		return nil, err
	}
	one = &viewed{Name: name, Image: a.picture(m, viewSide, "the image "+name)}
	if one.Image == nil {
		return nil, nil
	}
	for v, drawn := range views[:min(len(views), mostShownViews)] {
		p := a.picture(drawn.Image, viewSide, fmt.Sprintf("view %d", v+1))
		if p == nil {
			break
		}
		w := view{picture: p}
		for _, op := range drawn.Drawn {
			w.Drawn = append(w.Drawn, shown(strings.TrimPrefix(fmt.Sprintf("%T%+v", op, op), "augment."), 160))
		}
		one.Views = append(one.Views, w)
	}
	return one, nil
}

// chance says which accuracies need no features, by the labels that are known.
func (p *pictures) chance(d *replay.Data, s *story, last *features.Sample) {
	count := map[int]int{}
	of := ""
	switch {
	case d != nil && (last == nil || last.Data == s.value["data.path"]) && s.probe == s.value["data.path"]:
		for i := range min(d.Source.Len(), mostCounted) {
			if l := d.Source.Label(i); l >= 0 {
				count[l]++
			}
		}
		of = "of the images that were trained on"
	case last != nil:
		for _, i := range last.Images {
			if i.Label >= 0 {
				count[i.Label]++
			}
		}
		of = "of the images whose features were kept"
	}
	total, most := 0, 0
	for _, n := range count {
		total, most = total+n, max(most, n)
	}
	if _, measured := s.log.Last(tag(s.probe, run.OfBackbone, run.KNN)); len(count) < 2 || !measured {
		return
	}
	p.Chance = fmt.Sprintf("Chance: 1 of %d classes is %.3f; the largest class has %.3f %s.", len(count),
		1/float64(len(count)), float64(most)/float64(total), of)
}

// mostCounted is how many labels are counted.
const mostCounted = 1 << 20

// purity says how many of the nearest neighbours have an image's label.
func (p *pictures) purity(ctx context.Context, first, last *features.Sample, all [][]features.Match) {
	share := func(s *features.Sample, near [][]features.Match) float64 {
		sum, n := 0.0, 0
		for _, other := range s.Disagree(near) {
			if !math.IsNaN(other) {
				sum, n = sum+1-other, n+1
			}
		}
		if n == 0 {
			return math.NaN()
		}
		return sum / float64(n)
	}
	after := share(last, all)
	if math.IsNaN(after) {
		return
	}
	p.Purity = fmt.Sprintf("Of the %d nearest neighbours of an image, %.0f %% have its label", mostNeighbours,
		100*after)
	if first != nil {
		if near, err := first.Neighbours(ctx, mostNeighbours); err == nil {
			p.Purity += fmt.Sprintf("; %.0f %% %s", 100*share(first, near), since(first))
		}
	}
	p.Purity += "."
}

// since names an evaluation.
func since(s *features.Sample) string {
	if s.Step == 0 {
		return "before training"
	}
	return "after step " + humanize.Comma(int64(s.Step))
}

// near shows some images with their neighbours.
func (p *pictures) near(ctx context.Context, d *replay.Data, s *story, last *features.Sample, all [][]features.Match,
	a *album,
) {
	source, err := inTime(ctx, func() (*dataset.Source, error) {
		return d.Beside(cmp.Or(last.Data, s.value["data.path"]), last.Split)
	})
	if err != nil {
		p.NoNear = sentence(err)
		return
	}
	label := func(row int) string {
		l := last.Images[row].Label
		if l < 0 {
			return ""
		}
		return shown(cmp.Or(last.Classes[l], fmt.Sprintf("class %d", l)), 40)
	}
	show := func(row int) (_ *picture, err error) {
		defer crash.Recover(&err)
		i := last.Images[row]
		if i.Index >= source.Len() || differs(source.Name(i.Index), i.Name) {
			return nil, fmt.Errorf("the images are others than those that were measured: image %d is no longer %s",
				i.Index,
				shown(i.Name, 80))
		}
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		m, err := d.ImageOf(source, i.Index)
		if err != nil {
			return nil, err
		}
		return a.picture(m, nearSide, strings.TrimSuffix(shown(i.Name, 80)+", "+label(row), ", ")), nil
	}
	n := len(last.Images)
	for k := range min(shownNear, n) {
		row := (2*k + 1) * n / (2 * min(shownNear, n))
		m, err := show(row)
		if err != nil {
			p.NoNear = sentence(err)
			return
		}
		if m == nil {
			return
		}
		one := near{Image: m, Label: label(row), Name: shown(last.Images[row].Name, 80)}
		for _, match := range all[row][:min(len(all[row]), shownNeighbours)] {
			m, err := show(match.Row)
			if err != nil || m == nil {
				break
			}
			own, other := last.Images[row].Label, last.Images[match.Row].Label
			one.Near = append(one.Near, neighbour{m, label(match.Row), fmt.Sprintf("%.2f", match.Cosine),
				own >= 0 && own == other, own >= 0 && other >= 0 && own != other})
		}
		p.Near = append(p.Near, one)
	}
}

// differs reports whether a kept name is not that of an image. Of a name that is no text, or very long, less was kept.
func differs(name, kept string) bool {
	return name != kept && utf8.ValidString(name) && len(name) <= 4<<10
}

// clusters is into how many clusters images without labels are divided for their colours.
const clusters = 10

// hasty is the time below which maps are not laid out by t-SNE.
const hasty = 2 * time.Second

// layout places the images of the samples in two dimensions and says how.
func layout(ctx context.Context, samples []*features.Sample) (points [][][2]float64, how string, err error) {
	if deadline, bounded := ctx.Deadline(); !bounded || time.Until(deadline) > hasty {
		soon := ctx
		if bounded { // some time is for the plane, if t-SNE is too slow
			var cancel context.CancelFunc
			soon, cancel = context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/4))
			defer cancel()
		}
		var before [][2]float64
		for _, s := range samples {
			if before, err = s.Map(soon, before); err != nil {
				break
			}
			points = append(points, before)
		}
		if err == nil {
			return points, "by t-SNE (van der Maaten & Hinton 2008): near images are near each other; distances " +
				"between groups, and their sizes, say little", nil
		}
		points = nil
	}
	for _, s := range samples {
		plane, err := s.Plane(ctx)
		if err != nil {
			return nil, "", err
		}
		points = append(points, plane)
	}
	return points, "in their two directions of largest variance", nil
}

// draw makes the maps.
func (p *pictures) draw(ctx context.Context, first, last *features.Sample) {
	samples := []*features.Sample{last}
	if first != nil && slices.Equal(first.Images, last.Images) {
		samples = []*features.Sample{first, last}
	}
	points, how, err := layout(ctx, samples)
	if err != nil {
		p.NoMap = late
		return
	}
	labels := make([]int, len(last.Images))
	count := map[int]int{}
	for i, image := range last.Images {
		if labels[i] = image.Label; image.Label >= 0 {
			count[image.Label]++
		}
	}
	colours := "Colours are classes."
	name := func(l int) string { return shown(cmp.Or(last.Classes[l], fmt.Sprintf("class %d", l)), 40) }
	if len(count) == 0 {
		if labels, err = last.Clusters(ctx, clusters); err == nil {
			for _, l := range labels {
				count[l]++
			}
			colours, name = "There are no labels: colours are clusters of the last map's features by k-means.",
				func(l int) string { return fmt.Sprintf("cluster %d", l+1) }
		} else {
			labels, colours = nil, ""
		}
	}
	// Labels become consecutive numbers, so that up to ten have colours of their own.
	var names []string
	number := map[int]int{}
	for _, l := range slices.Sorted(maps.Keys(count)) {
		number[l] = len(names)
		if len(names) < mostLegend {
			p.Legend = append(p.Legend, legend{fmt.Sprintf("p%d", len(names)%chart.PointStyles), name(l),
				humanize.Comma(int64(count[l]))})
		}
		names = append(names, name(l))
	}
	if len(names) > chart.PointStyles {
		colours += fmt.Sprintf(" %d of them share ten colours; a point's class is under the pointer.", len(names))
	}
	for i, l := range labels {
		if l >= 0 {
			labels[i] = number[l]
		}
	}
	p.MapNote = strings.TrimSpace(fmt.Sprintf("Features h of %s %s. %s", counted(len(last.Images), "image"), how,
		colours))
	for i, s := range samples {
		when := since(s)
		c := chart.Scatter{Points: points[i], Labels: labels, Names: names, Title: "Map of the features " + when + "."}
		p.Maps = append(p.Maps, figure{strings.ToUpper(when[:1]) + when[1:], "", c.SVG()})
	}
}

// mostLegend is how many classes a legend names.
const mostLegend = 30

// spectrum draws the singular values of the embeddings at the first and the last evaluation.
func (p *pictures) spectrum(s *story, first, last *features.Sample) {
	type spectrum struct {
		step   int
		values []float64
	}
	var all []spectrum
	add := func(step int, values []float64) bool {
		some := len(values) > 1 && values[0] > 0
		if some {
			all = append(all, spectrum{step, values})
		}
		return some
	}
	for _, f := range []*features.Sample{first, last} {
		if f != nil {
			add(f.Step, f.Spectrum)
		}
	}
	for _, reverse := range []bool{false, true} {
		evals := slices.Clone(s.evals)
		if reverse {
			slices.Reverse(evals)
		}
		for _, e := range evals[:min(len(evals), mostLooks)] {
			if len(all) > 1 || e.Of != run.OfEmbedding || e.Probe != s.probe {
				continue
			}
			if event, err := s.log.Event(e); err == nil && add(e.Step, event.Spectrum) {
				break
			}
		}
	}
	if len(all) > 1 && all[0].step == all[1].step {
		all = all[:1]
	}
	if len(all) == 0 {
		p.NoSpectrum = "No spectrum was kept."
		return
	}
	c := chart.Chart{X: "direction, largest first", Log: true,
		Title: "Singular values of the embeddings z, relative to the largest."}
	note := ""
	for i, one := range all {
		k := chart.Curve{Group: i}
		for _, at := range chart.Thinned(len(one.values), 48) {
			k.Points = append(k.Points, chart.Point{X: float64(at + 1), Y: max(one.values[at]/one.values[0], 1e-6)})
		}
		rank := collapse.EntropyRank(one.values, collapse.RankEpsilon)
		k.Title = fmt.Sprintf("step %d: effective rank %.1f", one.step, rank)
		c.Curves = append(c.Curves, k)
		c.Names = append(c.Names, fmt.Sprintf("step %s, rank %.1f", humanize.Comma(int64(one.step)), rank))
		note += fmt.Sprintf(" Step %d has the effective rank %.1f.", one.step, rank)
	}
	c.Title += note
	p.Spectrum = &figure{"Spectrum of embeddings z",
		"Singular values of the centred rows relative to the largest, logarithmic. A curve that falls early fills " +
			"few directions.",
		c.SVG()}
}

// mostLooks is how many evaluations are looked at for a spectrum from either end.
const mostLooks = 64
