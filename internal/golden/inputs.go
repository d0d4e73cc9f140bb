// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"fmt"
	"math"
	"slices"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// each makes the views letter0, letter1 ... of one network, at least two, and returns how many there are.
func (t *trial) each(letter string) int {
	n := 2
	for t.c.Has(fmt.Sprintf("in.%s%d", letter, n)) {
		n++
	}
	t.c.count("views", &n)
	t.c.count("crops", &n)
	for i := range n {
		t.views = append(t.views, []torch.Tensor{t.input(fmt.Sprintf("%s%d", letter, i))})
	}
	return n
}

// crops divides n views into large and small ones, by the parameter large_crops; without it at most most are large.
func (c *Case) crops(n, most int) (large, small int, err error) {
	large = min(n, most)
	c.count("large_crops", &large)
	if large < 1 || n < large {
		return 0, 0, fmt.Errorf("large_crops is %d and crops %d: at least 1 is needed, and crops count them too",
			large, n)
	}
	return large, n - large, nil
}

// keyed makes the views of a method with a query and a key, which comes from the target: query and key, or query0,
// key0, query1 ... in both directions.
func (t *trial) keyed() (symmetric bool, views int) {
	if !t.c.Has("in.query0") {
		t.views = [][]torch.Tensor{{t.input("query"), {}}, {{}, t.input("key")}}
		return false, 2
	}
	for i := 0; i < 2 || t.c.Has(fmt.Sprintf("in.query%d", i)); i++ {
		t.views = append(t.views, []torch.Tensor{t.input(fmt.Sprintf("query%d", i)), t.input(fmt.Sprintf("key%d", i))})
	}
	return true, len(t.views)
}

// predicted makes the views of a method with predictions p and targets z. The targets come from the target network or,
// if inside, from the network of the predictions. The case has z0, p0, z1 ... in both directions, and p0 and z1, p and
// z, or p and nn in one.
func (t *trial) predicted(inside bool) (symmetric bool, views int) {
	optional := func(name string) (v torch.Tensor) {
		if t.c.Has("in." + name) {
			v = t.input(name)
		}
		return v
	}
	var p, z []torch.Tensor
	switch {
	case t.c.Has("in.nn"):
		p, z = []torch.Tensor{t.input("p"), {}}, []torch.Tensor{{}, t.input("nn")}
	case t.c.Has("in.p"):
		p, z = []torch.Tensor{t.input("p"), {}}, []torch.Tensor{{}, t.input("z")}
	case t.c.TruthOr("symmetric", t.c.Has("in.z0") && t.c.Has("in.p1")):
		symmetric = true
		for i := 0; i < 2 || t.c.Has(fmt.Sprintf("in.z%d", i)); i++ {
			p, z = append(p, t.input(fmt.Sprintf("p%d", i))), append(z, t.input(fmt.Sprintf("z%d", i)))
		}
	default:
		p, z = []torch.Tensor{t.input("p0"), optional("p1")}, []torch.Tensor{optional("z0"), t.input("z1")}
	}
	for i := range p {
		parts := []torch.Tensor{p[i], z[i]}
		if inside {
			parts = withDecoys(parts)
			if have, want := parts[0].Shape(), parts[1].Shape(); !slices.Equal(have, want) {
				torch.Fail("Case", "the embeddings of view %d have shape %v and its predictions %v", i, want, have)
			}
			parts = []torch.Tensor{predictable(parts[1], parts[0])}
		}
		t.views = append(t.views, parts)
	}
	return symmetric, len(t.views)
}

// tiniest is a power of two whose square vanishes beside the square of any length.
var tiniest = math.Exp2(-200)

// predictable makes the embedding of a network that gives z and whose predictor is to give p, N x 2d: z, and p so small
// that it changes neither a length nor a cosine.
func predictable(z, p torch.Tensor) torch.Tensor { return torch.Cat(1, z, p.Scale(tiniest)) }

// predictor returns the layer that makes p and zeros of predictable(z, p). It is exact, for it scales by a power of
// two.
func (t *trial) predictor() nn.MLP {
	width := t.views[0][0].Size(1)
	d := width / 2
	zero := torch.Zeros(torch.F64, d, d)
	t.state["predictor.0.linear.weight"] = torch.Cat(0,
		torch.Cat(1, zero, torch.Eye(d, torch.F64).Scale(1/tiniest)), torch.Cat(1, zero, zero))
	t.state["predictor.0.linear.bias"] = torch.Zeros(torch.F64, width)
	return nn.MLP{Widths: []int{width}}
}

// queues notes the rows of the queue, or queue0, queue1 ..., and returns how many rows one has. If the case gives the
// nearest neighbours themselves, the queue holds these, each of which is then its own nearest one. If padded, the rows
// are as wide as predictable makes embeddings.
func (t *trial) queues(padded bool) int {
	switch {
	case t.c.Has("in.nn"):
		t.queued = []torch.Tensor{t.c.In("nn")}
	case t.c.Has("in.queue0"):
		for i := range t.views {
			t.queued = append(t.queued, t.c.In(fmt.Sprintf("queue%d", i)))
		}
	default:
		t.queued = []torch.Tensor{t.c.In("queue")}
	}
	for i, rows := range t.queued {
		if padded {
			t.queued[i] = torch.Cat(1, rows, torch.Zeros(torch.F64, rows.Shape()...))
		}
	}
	return t.queued[0].Size(0)
}

// head makes the head of the clusters return its input, which is as wide as the input called name: there are as many
// clusters.
func (t *trial) head(name string) int {
	classes := t.input(name).Size(1)
	t.state["heads.0.weight"], t.state["heads.0.bias"] = torch.Eye(classes, torch.F64), torch.Zeros(torch.F64, classes)
	return classes
}

// whitening gives W-MSE the case's partition, instead of one that Loss draws.
func (t *trial) whitening(m *method.WMSE) error {
	c, n := t.c, t.views[0][0].Size(0)
	order := torch.Arange(n)
	if c.Has("in.perm") {
		order = c.In("perm")
	}
	if c.HasParam("slices") {
		slices := c.Int("slices")
		if slices < 1 || slices > n {
			return fmt.Errorf("slices is %d: it must be from 1 to the number of rows, %d", slices, n)
		}
		m.Slice = n / slices
	}
	t.loss = func(s *parallax.Step, z []torch.Tensor) torch.Tensor { return m.LossOf(s, z, [][]int{order.Ints()}) }
	t.terms = func(z []torch.Tensor, _ map[string]torch.Tensor) error {
		var wrong []error
		for i := range z {
			name := fmt.Sprintf("whitened%d", i)
			if c.Has("out." + name) {
				white, _, _ := method.Whiten(z[i].Detach(), order.Ints(), m.Slice, m.Eps)
				wrong = append(wrong, c.near(name, white, c.Out(name).IndexSelect(0, order.To(torch.I64))))
			}
		}
		return all(wrong...)
	}
	return nil
}

// distilling makes DINO's networks give the case's outputs, whose rows come crop after crop.
//
// The rows g of the case lie anywhere, and DINO's head ends with embeddings and weights of length 1. So the networks
// give embeddings of length 1 that begin with s g, and a last layer that drops their last element. With all
// temperatures and the centre times s the loss is the same, and so is the gradient: moving g moves the embedding along
// the sphere. As s is a power of two, nothing is rounded by it.
func (t *trial) distilling(m *method.DINO) error {
	c := t.c
	student, teacher := t.input("student"), t.input("teacher")
	large := m.LargeCrops
	c.count("large_crops", &large)
	if large < 1 || teacher.Size(0)%large != 0 {
		return fmt.Errorf("large_crops is %d and the teacher has %d rows: they come crop after crop", large,
			teacher.Size(0))
	}
	n := teacher.Size(0) / large
	crops := student.Size(0) / n
	c.count("crops", &crops)
	if student.Size(0) != n*crops {
		return fmt.Errorf("crops is %d and the student has %d rows: they come crop after crop, of %d images", crops,
			student.Size(0), n)
	}
	var err error
	if m.LargeCrops, m.SmallCrops, err = c.crops(crops, large); err != nil {
		return err
	}
	longest := torch.Cat(0, student, teacher).Detach().Norm(1).Max().Item()
	s := math.Exp2(-1 - math.Ceil(math.Log2(math.Max(longest, 1))))
	onSphere := func(g torch.Tensor) torch.Tensor {
		g = g.Scale(s)
		return torch.Cat(1, g, g.Square().Sum(1).Neg().Shift(1).Sqrt().Unsqueeze(1))
	}
	taught := teacher.Chunk(0, large)
	for v, g := range student.Chunk(0, crops) {
		parts := []torch.Tensor{onSphere(g), {}}
		if v < large {
			parts[1] = onSphere(taught[v])
		}
		t.views = append(t.views, parts)
	}
	k := student.Size(1)
	last := torch.Cat(1, torch.Eye(k, torch.F64), torch.Zeros(torch.F64, k, 1))
	t.state["last.weight"], t.state["target.last.weight"] = last, last
	if c.Has("in.center") {
		t.state["centre"] = c.In("center").Reshape(1, -1).Scale(s)
	}
	m.HeadLayers, m.Outputs = 0, k
	m.StudentTemperature, m.TeacherTemperature = s*m.StudentTemperature, s*m.TeacherTemperature
	m.WarmupTeacherTemperature = m.TeacherTemperature
	t.expectAfter("center_after", "centre", 1/s)
	return nil
}

// expectAfter compares a buffer, times scale, with the expected value called name, after Update.
func (t *trial) expectAfter(name, buffer string, scale float64) {
	t.after = func(p *nn.Params) error {
		return t.c.expected(name, func() torch.Tensor {
			v, _ := p.Get(buffer)
			return v.Scale(scale).Reshape(t.c.Out(name).Shape()...)
		})
	}
}

// expected compares what get returns with the expected value called name, if the case has it.
func (c *Case) expected(name string, get func() torch.Tensor) error {
	if !c.Has("out." + name) {
		return nil
	}
	return c.near(name, get(), c.Out(name))
}
