// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/features"
	"github.com/parallax-ssl/parallax/run/replay"
)

// The bounds of what is shown of embeddings.
const (
	nearest         = 12   // neighbours of an image
	scored          = 10   // neighbours by which an image is judged
	usualClusters   = 10   // of images without labels
	mostMeans       = 50   // k-means
	mostCourses     = 8    // runs whose maps are kept
	mostCandidates  = 2000 // images that are embedded for neighbours at a checkpoint
	embeddedAtOnce  = 64
	mostEmbedding   = 5 * time.Minute // for the candidates
	mostCheckpoints = 2000            // that are listed
)

// engine returns why no image can be embedded, in one line, or nil.
func (s *Server) engine() error {
	if s.o.Engine == nil {
		return failed(http.StatusNotImplemented, "no image can be embedded: this dashboard has no engine")
	}
	if err := s.o.Engine.Ready(); err != nil {
		return failed(http.StatusNotImplemented, "no image can be embedded: %s",
			strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

// atlas keeps the maps of the runs that were asked for last, and some samples.
type atlas struct {
	courses *recent[*features.Course]
	samples *recent[*features.Sample]
}

// mostSamples is how many samples are kept, of at most 4 MiB.
const mostSamples = 6

// sample reads a sample, unless it is in memory.
func (a *atlas) sample(f *folder, kept fs.FS, step int) (*features.Sample, error) {
	stamp, err := fileStamp(kept, step)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint(f.id, " ", step, " ", stamp)
	return a.samples.of(key, func() (*features.Sample, error) { return features.Read(kept, step) })
}

// last returns the sample of the last step that can be read.
func (a *atlas) last(f *folder, kept fs.FS, steps []int) (*features.Sample, error) {
	var first error
	for _, step := range slices.Backward(steps) {
		sample, err := a.sample(f, kept, step)
		if err == nil {
			return sample, nil
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

func newAtlas() *atlas {
	return &atlas{newRecent[*features.Course](mostCourses), newRecent[*features.Sample](mostSamples)}
}

// of returns the maps of a run.
func (a *atlas) of(f *folder, kept fs.FS) *features.Course {
	c, _ := a.courses.of(f.id, func() (*features.Course, error) { return features.NewCourse(kept), nil })
	return c
}

// features is the folder of the features that a run has kept.
func (f *folder) features() (fs.FS, error) {
	return fs.Sub(f.place.root.FS(), path.Join(f.at, run.FeaturesDir))
}

// kept returns the run that a request names, the folder of its features, and their steps.
func (s *Server) kept(r *http.Request) (f *folder, kept fs.FS, steps []int, err error) {
	if f, err = s.find(r); err != nil {
		return nil, nil, nil, err
	}
	if kept, err = f.features(); err == nil {
		steps, err = features.Steps(kept)
	}
	return f, kept, steps, err
}

// embedded is the answer of /api/runs/ID/embedding: what there is to see.
type embedded struct {
	Steps       []int          `json:"steps"`       // with features; empty for runs that keep none
	Checkpoints []int          `json:"checkpoints"` // their steps
	Engine      string         `json:"engine"`      // why there are no neighbours at checkpoints; "" if there are
	Own         bool           `json:"own"`         // the images are of the run's own data and split
	Split       string         `json:"split"`
	Images      []listed       `json:"images"` // of the last step
	Classes     map[int]string `json:"classes"`
	Factors     []factor       `json:"factors"` // of synthetic images
	Problem     string         `json:"problem,omitempty"`
}

// factor is a property of synthetic images.
type factor struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
	Of     []int    `json:"of"` // of each image
}

// embedding answers with what there is to see of a run's embedding.
func (s *Server) embedding(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, kept, steps, err := s.kept(r)
	if err != nil {
		return nil, err
	}
	e := embedded{Steps: append([]int{}, steps...), Checkpoints: f.checkpoints(), Images: []listed{},
		Classes: map[int]string{}, Factors: []factor{}}
	if err := s.engine(); err != nil {
		e.Engine = err.Error()
	} else if len(e.Checkpoints) == 0 {
		e.Engine = "the run has no checkpoint yet"
	}
	if len(steps) == 0 {
		return e, nil
	}
	sample, err := s.maps.last(f, kept, steps)
	if err != nil {
		e.Problem = err.Error()
		return e, nil
	}
	e.Split = sample.Split
	for class, name := range sample.Classes {
		e.Classes[class] = printable.Name(name)
	}
	for _, image := range sample.Images {
		e.Images = append(e.Images, listed{image.Index, printable.Name(image.Name), image.Label})
	}
	source, own, err := s.sampled(f, sample)
	if err != nil {
		e.Problem = err.Error()
		return e, nil
	}
	e.Own = own
	e.Factors = factorsOf(source, sample)
	return e, nil
}

// sampled returns the data that the images of a sample are of. own says whether they are those of the run's training.
func (s *Server) sampled(f *folder, sample *features.Sample) (source *dataset.Source, own bool, err error) {
	t, err := s.albums.of(f)
	if err != nil {
		return nil, false, err
	}
	if source, err = t.Beside(sample.Data, sample.Split); err != nil {
		return nil, false, fmt.Errorf("opening the images of the map: %w", err)
	}
	for _, image := range sample.Images {
		if image.Index >= source.Len() || source.Name(image.Index) != image.Name {
			return nil, false, fmt.Errorf("image %d is no longer %s: the data have changed, so the map has no pictures",
				image.Index, printable.Name(image.Name))
		}
	}
	return source, source == t.Source, nil
}

// factorsOf returns the factors of synthetic images.
func factorsOf(source *dataset.Source, sample *features.Sample) []factor {
	all := []factor{}
	if _, synthetic := source.Factors(0); !synthetic {
		return all
	}
	for _, one := range dataset.SyntheticFactors() {
		all = append(all, factor{Name: one.Name, Values: one.Values})
	}
	for _, image := range sample.Images {
		v, _ := source.Factors(image.Index)
		for i, n := range []int{v.Shape, v.Colour, v.Texture, v.Position, v.Background} {
			all[i].Of = append(all[i].Of, n)
		}
	}
	return all
}

var checkpointNames = regexp.MustCompile(`^step-(\d{8,15})$`)

// checkpoints returns the steps of the run's checkpoints, in order.
func (f *folder) checkpoints() []int {
	steps := []int{}
	entries, err := fs.ReadDir(f.place.root.FS(), path.Join(f.at, run.CheckpointsDir))
	if err != nil {
		return steps
	}
	for _, e := range entries {
		if m := checkpointNames.FindStringSubmatch(e.Name()); m != nil && e.IsDir() && len(steps) < mostCheckpoints {
			step, _ := strconv.Atoi(m[1])
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	return steps
}

// checkpointStamp changes when a checkpoint is written anew.
func (f *folder) checkpointStamp(step int) string {
	info, err := f.stat(path.Join(run.CheckpointsDir, fmt.Sprintf("step-%08d", step)))
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.ModTime().UnixNano())
}

// stepOf returns the step that a request names.
func stepOf(r *http.Request) (int, error) {
	step, err := strconv.Atoi(r.PathValue("step"))
	if err != nil || step < 0 {
		return 0, failed(http.StatusBadRequest, "the step is %.40q: give a whole number", r.PathValue("step"))
	}
	return step, nil
}

// keptAt is kept with the step that the request names.
func (s *Server) keptAt(r *http.Request) (f *folder, kept fs.FS, steps []int, step int, err error) {
	if f, kept, steps, err = s.kept(r); err == nil {
		step, err = stepOf(r)
	}
	return f, kept, steps, step, err
}

// evaluated returns an error unless a step is one of those with features.
func evaluated(steps []int, step int) error {
	if _, found := slices.BinarySearch(steps, step); !found {
		return failed(http.StatusNotFound, "the run has no features of step %d", step)
	}
	return nil
}

// mapped is the answer of /api/runs/ID/embedding/STEP: columns with a value for each image.
type mapped struct {
	Step     int          `json:"step"`
	Image    []int        `json:"image"`
	X        []float64    `json:"x"`
	Y        []float64    `json:"y"`
	Label    []int        `json:"label"`
	Cluster  []int        `json:"cluster"`  // -1: none
	Clusters string       `json:"clusters"` // what they are
	Apart    []run.Number `json:"apart"`    // 1 minus the mean cosine to the nearest images
	Disagree []run.Number `json:"disagree"` // share of the nearest images with another label; absent without labels
	// Alignment has the squared distance between the embeddings of two views of each image; null where it is not known.
	Alignment []run.Number `json:"alignment"`
}

// outcome is what a job's request is answered: its result, or how far it has come.
type outcome struct {
	Waiting *waiting `json:"waiting,omitempty"`
	Result  any      `json:"result,omitempty"`
}

// embeddingMap answers with the map of an evaluation, once it is made.
func (s *Server) embeddingMap(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, kept, steps, step, err := s.keptAt(r)
	if err != nil {
		return nil, err
	}
	if err := evaluated(steps, step); err != nil {
		return nil, err
	}
	stamp, err := fileStamp(kept, step)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint("map ", f.id, " ", step, " ", stamp)
	result, at, err := s.jobs.of(r.Context(), key, func(ctx context.Context, progress func(done, of int)) (any, error) {
		return s.makeMap(ctx, f, kept, step, progress)
	})
	return outcome{at, result}, err
}

// fileStamp changes when the features of a step are written anew.
func fileStamp(kept fs.FS, step int) (string, error) {
	info, err := fs.Stat(kept, features.FileName(step))
	if err != nil {
		return "", err
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano()), nil
}

// makeMap makes the map of an evaluation and judges its images.
func (s *Server) makeMap(ctx context.Context, f *folder, kept fs.FS, step int, progress func(done, of int)) (*mapped,
	error,
) {
	sample, err := s.maps.sample(f, kept, step)
	if err != nil {
		return nil, failed(http.StatusUnprocessableEntity, "%v", err)
	}
	points, err := s.maps.of(f, kept).Map(ctx, step, progress)
	if err != nil {
		return nil, err
	}
	near, err := sample.Neighbours(ctx, scored)
	if err != nil {
		return nil, err
	}
	m := &mapped{Step: step}
	if m.Cluster = s.clustersOf(f, sample); m.Cluster != nil {
		m.Clusters = "cluster of the clustering"
	} else {
		k := usualClusters
		if n := len(sample.Classes); n > 1 {
			k = min(n, mostMeans)
		}
		m.Clusters = fmt.Sprintf("cluster of k-means, k = %d", k)
		if m.Cluster, err = sample.Clusters(ctx, k); err != nil {
			return nil, err
		}
	}
	apart, disagree := features.Apart(near), sample.Disagree(near)
	for i, image := range sample.Images {
		m.Image, m.Label = append(m.Image, image.Index), append(m.Label, image.Label)
		m.X, m.Y = append(m.X, rounded(points[i][0])), append(m.Y, rounded(points[i][1]))
		m.Apart = append(m.Apart, run.Num(rounded(apart[i])))
		m.Disagree = append(m.Disagree, known(disagree[i]))
		distance := math.NaN()
		if len(sample.Alignment) > 0 {
			distance = sample.Alignment[i]
		}
		m.Alignment = append(m.Alignment, known(rounded(distance)))
	}
	return m, nil
}

// known is a number, or none for NaN.
func known(v float64) run.Number {
	if math.IsNaN(v) {
		return run.Number{}
	}
	return run.Num(v)
}

// clustersOf returns the clusters of the images in the clustering of which the run is a stage; nil if there is none, or
// if it is of other images.
func (s *Server) clustersOf(f *folder, sample *features.Sample) []int {
	around := s.catalogue.folder(f.in)
	if around == nil || around.kind != kindClustering {
		return nil
	}
	all, err := members(around, nil)
	if err != nil {
		return nil
	}
	of := map[string]int{}
	for _, m := range all {
		of[m.Name] = m.cluster
	}
	clusters, known := make([]int, len(sample.Images)), 0
	for i, image := range sample.Images {
		k, found := of[printable.Name(image.Name)]
		if !found {
			k = -1
		} else {
			known++
		}
		clusters[i] = k
	}
	if 2*known < len(clusters) {
		return nil
	}
	return clusters
}

// rounded keeps what can be seen.
func rounded(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// neighbours are the nearest images of one.
type neighbours struct {
	Step int         `json:"step"`
	Of   int         `json:"of"` // images among which they were found
	Near []neighbour `json:"near"`
}

// neighbour is an image and its cosine.
type neighbour struct {
	listed
	Cosine float64 `json:"cosine"`
}

// thenAndNow is the answer of /api/runs/ID/embedding/STEP/near.
type thenAndNow struct {
	Image listed     `json:"image"`
	Then  neighbours `json:"then"`
	Now   neighbours `json:"now"` // of the last evaluation
}

// listedOf describes an image of a sample.
func listedOf(sample *features.Sample, row int) listed {
	image := sample.Images[row]
	return listed{image.Index, printable.Name(image.Name), image.Label}
}

// neighboursOf describes the nearest images of one.
func neighboursOf(sample *features.Sample, near []features.Match) neighbours {
	n := neighbours{Step: sample.Step, Of: len(sample.Images), Near: []neighbour{}}
	for _, m := range near {
		n.Near = append(n.Near, neighbour{listedOf(sample, m.Row), rounded(m.Cosine)})
	}
	return n
}

// embeddingNear answers with the nearest images of one in the map, then and now: ?image=INDEX.
func (s *Server) embeddingNear(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, kept, steps, step, err := s.keptAt(r)
	if err != nil {
		return nil, err
	}
	index, err := whole(r, "image", 0, 0, math.MaxInt)
	if err != nil {
		return nil, err
	}
	if err := evaluated(steps, step); err != nil {
		return nil, err
	}
	then, err := s.maps.sample(f, kept, step)
	if err != nil {
		return nil, failed(http.StatusUnprocessableEntity, "%v", err)
	}
	at := then.Find(index)
	if at < 0 {
		return nil, failed(http.StatusNotFound, "image %d is not in the map of step %d", index, step)
	}
	a := thenAndNow{Image: listedOf(then, at), Then: neighboursOf(then, then.Nearest(at, nearest))}
	now, err := s.maps.last(f, kept, steps)
	if err != nil {
		return nil, failed(http.StatusUnprocessableEntity, "%v", err)
	}
	if at := now.Find(index); at >= 0 {
		a.Now = neighboursOf(now, now.Nearest(at, nearest))
	} else {
		a.Now = neighboursOf(now, nil)
	}
	return a, nil
}

// embeddingPicture answers with an image of the map.
func (s *Server) embeddingPicture(w http.ResponseWriter, r *http.Request) (any, error) {
	f, kept, steps, err := s.kept(r)
	if err != nil {
		return nil, err
	}
	if len(steps) == 0 {
		return nil, failed(http.StatusNotFound, "the run has no map")
	}
	sample, err := s.maps.last(f, kept, steps)
	if err != nil {
		return nil, failed(http.StatusUnprocessableEntity, "%v", err)
	}
	t, err := s.data(f)
	if err != nil {
		return nil, err
	}
	source, err := t.Beside(sample.Data, sample.Split)
	if err != nil {
		return nil, failed(http.StatusUnprocessableEntity, "opening the images of the map: %v", err)
	}
	return nil, s.send(w, r, t, source)
}

// checkpointNear answers with the images of the run's data that are nearest to one at a checkpoint: ?image=INDEX, or an
// image of the map with ?map=1. The encoder computes that, so the first answer at a checkpoint takes its time.
func (s *Server) checkpointNear(_ http.ResponseWriter, r *http.Request) (any, error) {
	f, kept, steps, step, err := s.keptAt(r)
	if err != nil {
		return nil, err
	}
	index, err := whole(r, "image", 0, 0, math.MaxInt)
	if err != nil {
		return nil, err
	}
	if err := s.engine(); err != nil {
		return nil, err
	}
	if !slices.Contains(f.checkpoints(), step) {
		return nil, failed(http.StatusNotFound, "the run has no checkpoint of step %d", step)
	}
	t, err := s.data(f)
	if err != nil {
		return nil, err
	}
	source := t.Source
	if r.URL.Query().Get("map") != "" && len(steps) > 0 {
		sample, err := s.maps.last(f, kept, steps)
		if err == nil {
			source, err = t.Beside(sample.Data, sample.Split)
		}
		if err != nil {
			return nil, failed(http.StatusUnprocessableEntity, "%v", err)
		}
	}
	asked, err := imageOf(t, source, index)
	if err != nil {
		return nil, err
	}
	key := fmt.Sprint("candidates ", f.id, " ", step, " ", f.checkpointStamp(step))
	embedded, at, err := s.jobs.of(r.Context(), key, func(ctx context.Context, progress func(_, _ int)) (any, error) {
		return s.embedCandidates(ctx, f, t, step, progress)
	})
	if at != nil || err != nil {
		return outcome{Waiting: at}, err
	}
	among := embedded.(candidates)
	key = fmt.Sprint("near ", key, " ", source == t.Source, " ", index)
	near, at, err := s.jobs.of(r.Context(), key, func(ctx context.Context, _ func(done, of int)) (any, error) {
		rows, err := s.o.Engine.Embed(ctx, f.dir(), step, []*augment.Image{asked})
		if err != nil {
			return nil, failed(http.StatusUnprocessableEntity, "%v", err)
		}
		one := &features.Sample{Images: []features.Image{{}}, Width: among.Width, Rows: slices.Clone(rows[0])}
		if len(one.Rows) != one.Width {
			return nil, failed(http.StatusUnprocessableEntity, "the encoder of step %d has changed: ask again", step)
		}
		if err := one.Normalise(); err != nil {
			return nil, failed(http.StatusUnprocessableEntity, "%v", err)
		}
		found := among.NearestTo(one.Rows, nearest+1)
		if source == t.Source { // an image is no neighbour of itself
			itself := func(m features.Match) bool { return among.Images[m.Row].Index == index }
			found = slices.DeleteFunc(found, itself)
		}
		return neighboursOf(among.Sample, found[:min(nearest, len(found))]), nil
	})
	return outcome{at, near}, err
}

// candidates are images that were embedded.
type candidates struct{ *features.Sample }

func (c candidates) bytes() int { return 4 * len(c.Rows) }

// embedCandidates embeds images of the run's data, evenly over it, at a checkpoint.
func (s *Server) embedCandidates(ctx context.Context, f *folder, t *replay.Data, step int,
	progress func(done, of int)) (
	any, error,
) {
	ctx, end := context.WithTimeoutCause(ctx, mostEmbedding,
		fmt.Errorf("embedding images at step %d took more than %v", step, mostEmbedding))
	defer end()
	n := t.Source.Len()
	few := min(n, mostCandidates)
	sample := &features.Sample{Step: step}
	for from := 0; from < few; from += embeddedAtOnce {
		progress(from, few)
		var images []*augment.Image
		for i := from; i < min(from+embeddedAtOnce, few); i++ {
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			index := i * n / few
			m, err := imageOf(t, t.Source, index)
			if err != nil {
				continue // training does without it, too
			}
			images = append(images, m)
			sample.Images = append(sample.Images, features.Image{Index: index, Name: t.Source.Name(index),
				Label: t.Source.Label(index)})
		}
		if len(images) == 0 {
			continue
		}
		rows, err := s.o.Engine.Embed(ctx, f.dir(), step, images)
		if err != nil {
			return nil, failed(http.StatusUnprocessableEntity, "%v", cmp.Or(context.Cause(ctx), err))
		}
		for _, row := range rows {
			sample.Width = len(row)
			sample.Rows = append(sample.Rows, row...)
		}
	}
	if len(sample.Images) == 0 {
		return nil, failed(http.StatusUnprocessableEntity, "no image of the run's data can be read")
	}
	return candidates{sample}, sample.Normalise()
}
