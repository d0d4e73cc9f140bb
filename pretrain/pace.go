// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/config"
)

// Multiply-adds per second and thread, by precision, within a factor of two: measured in training runs on an idle
// server processor of 2022.
const (
	paceBF16    = 50e9
	paceFloat32 = 25e9
)

// long is the duration of a run from which Slow warns.
const long = 20 * time.Minute

// Slow returns a warning if the run takes long on a CPU with a preset that was chosen for it, not asked for. It names
// the preset for CPUs. For other runs it returns "".
func (j *Job) Slow() string {
	c := j.Config
	if j.Chosen == "" || c.Train.Device != "cpu" {
		return ""
	}
	rate := pace(c.Config, c.Backbone)
	images := float64(c.Train.Epochs) * float64(c.Data.Images)
	if c.Train.MaxSteps > 0 {
		images = float64(c.Train.MaxSteps) * float64(c.Train.Batch*c.Train.Accumulate)
	}
	takes := time.Duration(math.Min(images/rate, 1e9) * float64(time.Second))
	if rate == 0 || takes < long {
		return ""
	}
	tiny := c.Backbone
	tiny.Name, tiny.Width = "resnet18", 16 // as in the preset
	tiny.Stem = string(backbone.StemFor(c.Data.Size))
	return fmt.Sprintf("on this CPU the run processes roughly %s images/s and takes %s; --preset tiny-cpu, "+
		"a smaller network for 5 epochs, processes roughly %s images/s",
		digit(rate), about(takes), digit(pace(c.Config, tiny)))
}

// passes is how many forward passes of every view a step costs, about.
const passes = 3

// fullViews returns the views of an image, small ones counted by their pixels.
func fullViews(c *config.Config) (views float64) {
	for _, recipe := range c.Augment {
		side := float64(c.Data.Size)
		for _, op := range recipe {
			if crop, ok := op.(augment.RandomResizedCrop); ok {
				side = float64(crop.Size)
			}
		}
		views += side * side / float64(c.Data.Size*c.Data.Size)
	}
	return views
}

// pace estimates how many images per second a CPU trains on; 0 if operations does not know the network.
func pace(c *config.Config, b config.Backbone) float64 {
	speed := paceFloat32
	if c.Train.Precision == config.BF16 {
		speed = paceBF16
	}
	cost := passes * fullViews(c) * operations(b, c.Data.Size)
	if cost == 0 {
		return 0
	}
	return speed * float64(c.Train.Threads) / cost
}

// operations returns the multiply-adds of a forward pass of one image of size x size pixels. The networks' papers give
// them for 224 pixels, or 32 pixels for a wide ResNet. Except in the first layer they grow with the squares of width
// and side. The stem for small images keeps four times the resolution of the ImageNet stem, the strided stem twice.
func operations(b config.Backbone, size int) float64 {
	of := map[string]float64{
		"resnet18": 1.8e9, "resnet34": 3.6e9, "resnet50": 4.1e9, "resnet101": 7.8e9, "resnet152": 11.5e9,
		"wrn28":   0.83e9,
		"resnet8": 0.6e9, "resnet20": 2e9, // 0.012e9 and 0.041e9 for 32 pixels, width 16 and the small stem
		"vit_tiny": 1.3e9, "vit_small": 4.6e9, "vit_base": 17.6e9,
	}[b.Name]
	side, width := float64(size)/224, float64(b.Width)/64
	if b.Name == "wrn28" {
		side = float64(size) / 32
	}
	of *= side * side * width * width
	if patch, ok := strings.CutPrefix(b.Stem, "patch"); ok {
		if p, err := strconv.ParseFloat(patch, 64); err == nil {
			of *= 16 / p * 16 / p
		}
	} else if b.Name != "wrn28" {
		more := map[backbone.Stem]float64{backbone.Small: 16, backbone.Padded: 16, backbone.Strided: 4,
			backbone.ImageNet: 1}
		of *= more[backbone.Stem(b.Stem)]
	}
	return of
}

// digit writes a number with one significant digit.
func digit(v float64) string {
	if v < 1 {
		return strconv.FormatFloat(v, 'g', 1, 64)
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	return strconv.FormatFloat(math.Round(v/power)*power, 'f', -1, 64)
}

// about writes a duration roughly, as "3 hours".
func about(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}} {
		if d >= 2*u.unit {
			return fmt.Sprintf("%.0f %s", math.Round(float64(d)/float64(u.unit)), u.name)
		}
	}
	return d.Round(time.Second).String()
}
