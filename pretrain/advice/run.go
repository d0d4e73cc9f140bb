// SPDX-License-Identifier: Apache-2.0

package advice

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset/survey"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/pretrain"
)

const (
	fewNegatives  = 128 // other images in a batch below which negatives are few; the papers have 255 and more
	ownNegatives  = 0.2 // the share of negatives of an image's own class from which it is said
	perPrototype  = 10  // images for each prototype below which prototypes are many; DINO has 20 on ImageNet
	fewSteps      = 200
	fewForNorm    = 16 // images of which batch norm's statistics are noisy
	enoughBatches = 4  // batches in an epoch that a remedy leaves
)

// without names methods for data that negatives do not suit.
const without = "without negatives (simsiam, byol, vicreg)"

// subject is the run that advice is about.
type subject struct {
	job     *pretrain.Job
	entry   method.Entry
	train   *survey.Split
	numbers map[string]int // the method's whole numbers, by their key
	all     []string
}

func (s *subject) say(format string, values ...any) {
	s.all = append(s.all, fmt.Sprintf(format, values...))
}

// OnRun returns the advice on a run: what its settings ask of the images that there are. The first split of the survey
// is the one that is trained on.
func OnRun(j *pretrain.Job, r *survey.Report) ([]string, error) {
	entry, err := method.Find(j.Config.Method.Name)
	if err != nil {
		return nil, err
	}
	fields, err := config.Fields(j.Config.Method.Fields)
	if err != nil {
		return nil, err
	}
	s := &subject{job: j, entry: entry, train: &r.Splits[0], numbers: map[string]int{}}
	for _, f := range fields {
		if n, err := strconv.Atoi(f.Text); err == nil {
			s.numbers[f.Path] = n
		}
	}
	s.batch()
	if slices.Contains(entry.Uses, method.Negatives) {
		s.negatives()
	}
	s.queue()
	s.prototypes()
	s.slice()
	s.support()
	s.neighbours()
	return s.all, nil
}

// batch advises on the batch and the length of the run.
func (s *subject) batch() {
	c := s.job.Config
	images, batch := c.Data.Images, c.Train.Batch
	epoch := images / batch
	if lowered := c.Sources["train.batch"] == "as many as there are images"; epoch < enoughBatches {
		what := fmt.Sprintf("an epoch is %s of %d images", count(epoch, "batch", "batches"), batch)
		if lowered {
			what = fmt.Sprintf("the preset's batch is more than the %d images, so that a batch is all of them", images)
		}
		s.say("%s, and every step sees nearly the same images: give --batch %d", what, power(images/enoughBatches))
	} else if left := images % batch; 10*left > images {
		s.say("batches of %d leave %d of the %d images out of every epoch, other ones each time: a smaller --batch "+
			"leaves fewer out", batch, left, images)
	}
	if c.Backbone.Norm == "batch" && batch < fewForNorm {
		s.say("batch norm takes its statistics from %d images, which are few: give --batch %d or more, or --set "+
			"backbone.norm=group", batch, fewForNorm)
	}
	if steps := s.job.Steps(); steps < fewSteps {
		s.say("the run has only %s: give more --epochs, or a smaller --batch",
			count(steps, "step", "steps"))
	}
}

// negatives advises on how many other images an image is compared with, and on how many of them are of its own class.
func (s *subject) negatives() {
	batch, images := s.job.Config.Train.Batch, s.job.Config.Data.Images
	if queue := s.numbers["queue"]; queue == 0 && batch <= fewNegatives {
		remedy := "give a larger --batch, or take a method that keeps a queue of negatives (mocov2, mocov2plus)"
		if images < enoughBatches*fewNegatives {
			remedy = "with so few images, take a method " + without
		}
		s.say("%s compares an image with the %d other images of its batch, which are few negatives: %s", s.entry.Title,
			batch-1, remedy)
	}
	labelled, same := 0., 0.
	present := present(s.train)
	for _, c := range present {
		labelled += float64(c.Count)
	}
	for _, c := range present {
		same += float64(c.Count) / labelled * float64(c.Count) / labelled
	}
	classes := len(present)
	if _, supervised := parallax.As[parallax.Supervised](s.job.Method); supervised || classes < 2 ||
		same < ownNegatives {
		return
	}
	s.say("of the %d classes a batch of %d holds about %d images each: %.0f %% of an image's negatives are of its own "+
		"class and are pushed away from it: if that matters, take a method "+without, classes, batch,
		batch/classes, 100*same)
}

// queue advises on a queue of earlier embeddings.
func (s *subject) queue() {
	c := s.job.Config
	queue, images := s.numbers["queue"], c.Data.Images
	if queue > images {
		s.say("the queue of %d embeddings is more than the %d images: each of them is in it %s, so that an image "+
			"meets its own earlier embeddings: --set method.queue=%d", queue, images, times(queue/images),
			power(images/2))
	} else if fill := s.job.Steps() * c.Train.Batch; queue > fill {
		s.say("the queue of %d embeddings is not full at the end of the run, which sees %d images: --set "+
			"method.queue=%d, or more --epochs", queue, fill, power(min(images, fill)/2))
	}
}

// prototypes advises on how many clusters, prototypes or outputs the images are distributed over.
func (s *subject) prototypes() {
	images := s.job.Config.Data.Images
	for _, key := range []string{"prototypes", "outputs"} {
		n := s.numbers[key]
		if n == 0 || n*perPrototype <= images {
			continue
		}
		s.say("%s has %d %s for %d images, fewer than %d images each: --set method.%s=%d", s.entry.Title, n, key,
			images, perPrototype, key, max(2, images/perPrototype))
	}
	if n, batch := s.numbers["prototypes"], s.job.Config.Train.Batch; n > batch && s.entry.Name == "swav" &&
		s.numbers["queue"] == 0 {
		s.say("%s gives each of %d prototypes an equal share of a batch of %d images, less than one: --set "+
			"method.prototypes=%d, or a queue (--set method.queue=%d)", s.entry.Title, n, batch, max(2, batch/2),
			power(max(n, s.job.Config.Data.Images/2)))
	}
}

// slice advises on the rows that are whitened together.
func (s *subject) slice() {
	slice, batch := s.numbers["slice"], s.job.Config.Train.Batch
	if slice == 0 {
		return
	}
	width := 0
	if fields, err := config.Fields(s.job.Config.Method.Fields); err == nil {
		for _, f := range fields {
			if f.Path == "projector.widths" {
				list := strings.Split(strings.Trim(f.Text, "[] "), ",")
				width, _ = strconv.Atoi(strings.TrimSpace(list[len(list)-1]))
			}
		}
	}
	rows := min(slice, batch)
	switch {
	case rows <= width:
		s.say("%s whitens %d rows of %d numbers together, and needs more rows than numbers: give a larger --batch, "+
			"or a narrower last layer (method.projector.widths)", s.entry.Title, rows, width)
	case batch%rows != 0:
		s.say("slices of %d rows leave %d of a batch of %d unused: give a --batch that is a multiple of %d", rows,
			batch%rows, batch, rows)
	}
}

// support advises on the labelled images of each class that a step takes.
func (s *subject) support() {
	m, ok := parallax.As[parallax.Supporter](s.job.Method)
	present := present(s.train)
	if !ok || len(present) == 0 { // without labels the run is refused
		return
	}
	spec := m.Support()
	if least, _ := extremes(present); least.Count < spec.PerClass {
		s.say("a step takes %d labelled images of each class, and %s has %s, which are repeated: --set "+
			"method.support_images=%d, or label more", spec.PerClass, names([]string{least.Name}),
			count(least.Count, "image", "images"), least.Count)
	}
}

// neighbours advises on the neighbours of the kNN vote.
func (s *subject) neighbours() {
	k, present := s.job.Config.Probe.K, present(s.train)
	if least, _ := extremes(present); len(present) > 1 && least.Count > 1 && least.Count < k {
		s.say("the kNN accuracy is a vote of %d neighbours, and the class %s has %d images to vote: --set "+
			"probe.k=%d", k,
			names([]string{least.Name}), least.Count, max(1, least.Count/2))
	}
}

// power returns the largest power of two that is at most n, and at least 2.
func power(n int) int { return max(2, 1<<(bits.Len(uint(max(1, n)))-1)) }

func times(n int) string {
	switch n {
	case 1:
		return "once or more"
	case 2:
		return "twice or more"
	}
	return fmt.Sprintf("%d times", n)
}
