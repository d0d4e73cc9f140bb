// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"errors"
	"fmt"

	"parallax"
	"parallax/method"
	"parallax/nn"
	"parallax/torch"
)

// runSinkhorn checks the codes alone.
func runSinkhorn(c *Case) error {
	return c.near("codes", method.Sinkhorn(c.In("scores"), c.Number("epsilon"), c.Int("iterations")), c.Out("codes"))
}

// prototypeLosses are the losses that need more than their inputs: prototypes, a centre.
var prototypeLosses = map[string]func(*Case) error{
	"swav": runSwAV,
	"dino": runDINO,
}

// runSwAV checks SwAV's loss, also as a function of its prototypes.
func runSwAV(c *Case) error {
	given := c.In("prototypes") // K x d
	m := method.NewSwAV()
	m.Projector = nn.MLP{Widths: []int{given.Size(1)}}
	m.Prototypes, m.LargeCrops = given.Size(0), c.Int("large_crops")
	m.Temperature, m.Epsilon, m.SinkhornIterations = c.Number("temperature"), c.Number("epsilon"), c.Int("iterations")
	params := nn.NewParams(0, torch.F64)
	defer params.Free()
	m.Build(&parallax.Build{Params: params, Backbone: tiny{}, Size: 16, Batch: 1, Images: 1, Steps: 1})
	prototypes, _ := params.Get("prototypes.weight")
	given.CopyInto(prototypes.Detach())

	var z []torch.Tensor
	for i := range c.Int("crops") {
		z = append(z, c.In(fmt.Sprintf("z%d", i)).RequireGrad(true))
	}
	// Loss takes the large crops twice: to make codes from, and to predict from.
	loss := m.Loss(parallax.NewStep(0, 1), append(append([]torch.Tensor(nil), z[:m.LargeCrops]...), z...))
	loss.Backward()
	wrong := []error{c.near("loss", loss, c.Out("loss")), c.near("gradient of prototypes", prototypes.Grad(), c.Grad("prototypes"))}
	for i := range z {
		wrong = append(wrong, c.near(fmt.Sprintf("gradient of z%d", i), z[i].Grad(), c.Grad(fmt.Sprintf("z%d", i))))
	}
	if c.Has("out.codes0") {
		scores := z[0].Normalize(1).MatMul(given.T())
		wrong = append(wrong, c.near("codes0", method.Sinkhorn(scores, m.Epsilon, m.SinkhornIterations), c.Out("codes0")))
	}
	return all(wrong...)
}

// runDINO checks DINO's loss, whose rows come crop after crop, and the centre after a step.
func runDINO(c *Case) error {
	teacher, student := c.In("teacher").RequireGrad(true), c.In("student").RequireGrad(true)
	m := method.NewDINO()
	m.Hidden, m.Bottleneck, m.Outputs, m.LargeCrops = 1, 1, student.Size(1), c.Int("large_crops")
	m.StudentTemperature, m.CentreMomentum = c.Number("temperature_student"), c.Number("center_momentum")
	m.TeacherTemperature, m.WarmupTeacherTemperature = c.Number("temperature_teacher"), c.Number("temperature_teacher")
	params := nn.NewParams(0, torch.F64)
	defer params.Free()
	m.Build(&parallax.Build{Params: params, Backbone: tiny{}, Size: 16, Batch: 1, Images: 1, Steps: 1})
	centre, _ := params.Get("centre")
	c.In("center").CopyInto(centre)

	step := parallax.NewStep(0, 1)
	loss := m.Loss(step, append(teacher.Chunk(0, m.LargeCrops), student.Chunk(0, c.Int("crops"))...))
	loss.Backward()
	wrong := []error{c.near("loss", loss, c.Out("loss")), c.near("gradient of student", student.Grad(), c.Grad("student"))}
	if g := teacher.Grad(); g.Defined() && g.Abs().Max().Item() != 0 {
		wrong = append(wrong, errors.New("the teacher gets a gradient"))
	}
	if c.Has("out.center_after") {
		mean, _ := params.Get("batch_centre") // Forward leaves it there
		teacher.Detach().MeanKeep(0).CopyInto(mean)
		m.Update(step)
		wrong = append(wrong, c.near("center_after", centre, c.Out("center_after")))
	}
	return all(wrong...)
}
