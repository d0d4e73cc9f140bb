// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"errors"
	"fmt"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// runSinkhorn checks the codes alone.
func runSinkhorn(c *Case) error {
	iterations, err := c.iterations()
	if err != nil {
		return err
	}
	return c.near("codes", method.Sinkhorn(c.In("scores"), c.Number("epsilon"), iterations), c.Out("codes"))
}

// iterations returns the parameter iterations of Sinkhorn-Knopp.
func (c *Case) iterations() (int, error) {
	n := c.Int("iterations")
	if n < 1 {
		return 0, skip(fmt.Sprintf("%d iterations of Sinkhorn-Knopp: at least 1 is needed", n))
	}
	return n, nil
}

// crops returns the parameters large_crops and crops.
func (c *Case) crops() (large, all int, err error) {
	large, all = c.Int("large_crops"), c.Int("crops")
	if large < 1 || all < large {
		return 0, 0, fmt.Errorf("large_crops is %d and crops %d: at least 1 is needed, and crops count them too",
			large, all)
	}
	return large, all, nil
}

// prototypeLosses are the losses that need more than their inputs: prototypes, a centre.
var prototypeLosses = map[string]func(*Case) error{
	"swav": runSwAV,
	"dino": runDINO,
}

// runSwAV checks SwAV's loss, also as a function of its prototypes.
func runSwAV(c *Case) error {
	given := c.In("prototypes") // K x d
	large, crops, err := c.crops()
	if err != nil {
		return err
	}
	iterations, err := c.iterations()
	if err != nil {
		return err
	}
	m := method.NewSwAV()
	m.Projector = nn.MLP{Widths: []int{given.Size(1)}}
	m.Prototypes, m.LargeCrops = given.Size(0), large
	m.Temperature, m.Epsilon, m.SinkhornIterations = c.Number("temperature"), c.Number("epsilon"), iterations
	params := nn.NewParams(0, torch.F64)
	defer params.Free()
	m.Build(&parallax.Build{Params: params, Backbone: tiny{}, Size: 16, Batch: 1, Images: 1, Steps: 1})
	prototypes, _ := params.Get("prototypes.weight")
	given.CopyInto(prototypes.Detach())

	var z []torch.Tensor
	for i := range crops {
		z = append(z, c.In(fmt.Sprintf("z%d", i)).RequireGrad(true))
	}
	// Loss takes the large crops twice: to make codes from, and to predict from.
	loss := m.Loss(parallax.NewStep(0, 1), append(append([]torch.Tensor(nil), z[:m.LargeCrops]...), z...))
	loss.Backward()
	wrong := []error{c.near("loss", loss, c.Out("loss"))}
	if c.Has("grad.prototypes") {
		wrong = append(wrong, c.gradient("prototypes", prototypes.Grad(), c.Grad("prototypes")))
	}
	for i := range z {
		if name := fmt.Sprintf("z%d", i); c.Has("grad." + name) {
			wrong = append(wrong, c.gradient(name, z[i].Grad(), c.Grad(name)))
		}
		if name := fmt.Sprintf("codes%d", i); c.Has("out." + name) {
			scores := z[i].Detach().Normalize(1).MatMul(given.T())
			wrong = append(wrong, c.near(name, method.Sinkhorn(scores, m.Epsilon, m.SinkhornIterations), c.Out(name)))
		}
	}
	return all(wrong...)
}

// runDINO checks DINO's loss, whose rows come crop after crop, and the centre after a step.
func runDINO(c *Case) error {
	teacher, student := c.In("teacher").RequireGrad(true), c.In("student").RequireGrad(true)
	large, crops, err := c.crops()
	if err != nil {
		return err
	}
	m := method.NewDINO()
	m.Hidden, m.Bottleneck, m.Outputs, m.LargeCrops = 1, 1, student.Size(1), large
	m.StudentTemperature, m.CentreMomentum = c.Number("temperature_student"), c.Number("center_momentum")
	m.TeacherTemperature, m.WarmupTeacherTemperature = c.Number("temperature_teacher"), c.Number("temperature_teacher")
	params := nn.NewParams(0, torch.F64)
	defer params.Free()
	m.Build(&parallax.Build{Params: params, Backbone: tiny{}, Size: 16, Batch: 1, Images: 1, Steps: 1})
	centre, _ := params.Get("centre")
	c.In("center").Reshape(1, -1).CopyInto(centre)

	step := parallax.NewStep(0, 1)
	loss := m.Loss(step, append(teacher.Chunk(0, m.LargeCrops), student.Chunk(0, crops)...))
	loss.Backward()
	wrong := []error{c.near("loss", loss, c.Out("loss"))}
	if c.Has("grad.student") {
		wrong = append(wrong, c.gradient("student", student.Grad(), c.Grad("student")))
	}
	if g := teacher.Grad(); g.Defined() && g.Abs().Max().Item() != 0 {
		wrong = append(wrong, errors.New("the teacher gets a gradient"))
	}
	if c.Has("out.center_after") {
		mean, _ := params.Get("batch_centre") // Forward leaves it there
		teacher.Detach().MeanKeep(0).CopyInto(mean)
		m.Update(step)
		wrong = append(wrong, c.near("center_after", centre, c.Out("center_after").Reshape(1, -1)))
	}
	return all(wrong...)
}
