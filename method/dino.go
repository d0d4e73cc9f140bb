// SPDX-License-Identifier: Apache-2.0

package method

import (
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var dinoEntry = Entry{
	Name:  "dino",
	Title: "DINO",
	Date:  "2021-04",
	Paper: "Caron, Touvron, Misra, Jégou, Mairal, Bojanowski & Joulin: Emerging Properties in Self-Supervised Vision " +
		"Transformers. ICCV 2021, arXiv:2104.14294",
	Equation: "L = mean over x ≠ x' of -softmax((g_t(x) - c)/τ_t)·log softmax(g_s(x')/τ_s), x global, x' any crop; " +
		" c ← m_c c + (1-m_c) mean g_t;  φ ← mφ + (1-m)θ, φ the teacher and θ the student",
	Collapse: "centring the teacher's outputs, so that no single output wins, and sharpening them, so that they do " +
		"not become uniform; each alone collapses",
	Prevents: []Switch{
		{[]string{"method.centring=false"}, "without centring one output wins"},
		{[]string{"method.sharpening=false"}, "without sharpening the outputs become uniform"},
	},
	Uses: []Part{Clusters},
	New:  func() parallax.Method { return NewDINO() },
}

// DINO trains a student to give, for any crop, the distribution that the teacher gives for a global crop. The teacher
// is a moving average of the student.
type DINO struct {
	part.Crops
	DINOHead
	StudentTemperature       float64 // τ_s of the student
	TeacherTemperature       float64 // τ_t of the teacher, after its warm-up
	WarmupTeacherTemperature float64 // τ_t in the first epoch; the official code's default is 0.04 throughout
	WarmupTeacherEpochs      int     // epochs in which τ_t grows from the one to the other
	Sharpening               bool    // off: τ_t is equal to τ_s
	Centring                 bool    // subtract c from the teacher's outputs
	CentreMomentum           float64 // m_c, the share of c that a step keeps (m in equation 4)
	TargetMomentum           float64 // m of the teacher at the start
	FinalTargetMomentum      float64 // m at the end, reached along half a cosine
	// steps between two moves of the teacher; with both momenta 0 the teacher is the student at the last such step
	TargetEvery  int
	FreezeEpochs int // epochs at the start in which the last layer stays fixed

	student, teacher parallax.Encoder // with the last layer
	follower         part.Target
	centre, batch    torch.Tensor // c, and the mean of the teacher's outputs in this step: 1 x K
}

// NewDINO returns DINO with the paper's hyperparameters (section 3.2 and appendix) and its two global crops.
func NewDINO() *DINO {
	return &DINO{
		// The official code recommends this scale without local crops, and 0.4 to 1 with them.
		Crops: part.Crops{
			LargeCrops: 2, SmallSize: 96, LargeScale: [2]float64{0.14, 1}, SmallScale: [2]float64{0.05, 0.4},
		},
		DINOHead:           DINOHead{HeadLayers: 3, Hidden: 2048, Bottleneck: 256, Outputs: 65536},
		StudentTemperature: 0.1, TeacherTemperature: 0.07, WarmupTeacherTemperature: 0.04, WarmupTeacherEpochs: 30,
		Sharpening: true, Centring: true, CentreMomentum: 0.9,
		TargetMomentum: 0.996, FinalTargetMomentum: 1, TargetEvery: 1, FreezeEpochs: 1,
	}
}

// Validate checks the hyperparameters.
func (m *DINO) Validate() error {
	return part.First(
		m.Crops.Check(), m.DINOHead.validate(),
		part.Positive("student_temperature", m.StudentTemperature),
		part.Positive("teacher_temperature", m.TeacherTemperature),
		part.Positive("warmup_teacher_temperature", m.WarmupTeacherTemperature),
		part.AtLeast("warmup_teacher_epochs", m.WarmupTeacherEpochs, 0),
		part.Fraction("centre_momentum", m.CentreMomentum), part.Fraction("target_momentum", m.TargetMomentum),
		part.Fraction("final_target_momentum", m.FinalTargetMomentum),
		part.AtLeast("target_every", m.TargetEvery, 1),
		part.AtLeast("freeze_epochs", m.FreezeEpochs, 0),
	)
}

// Views returns BYOL's two recipes in turn for the global crops and a third for the local ones.
func (m *DINO) Views(size int) []augment.Recipe {
	first, second := augment.DINORecipes(size, m.LargeScale)
	local := augment.DINOLocalRecipe(m.SmallSize, m.SmallScale)
	return append(part.InTurn(m.LargeCrops, first, second), part.InTurn(m.SmallCrops, local)...)
}

// Build makes the student, the centre, and the teacher as a copy. The teacher is evaluated, because it is better
// throughout training (section 5.2).
func (m *DINO) Build(b *parallax.Build) parallax.Encoder {
	own := b.Params.Sub("target")
	var e parallax.Encoder
	_, m.student = m.network(b, b.Params)
	e, m.teacher = m.network(b, own)
	own.CopyFrom(b.Params)
	own.Freeze()
	m.follower = part.Target{Encoder: m.teacher, Mode: "ema", Online: b.Params, Own: own}
	m.centre = b.Params.Buffer("centre", torch.Zeros(b.Params.DType(), 1, m.Outputs))
	m.batch = b.Params.Buffer("batch_centre", torch.Zeros(b.Params.DType(), 1, m.Outputs))
	return e
}

// Groups freezes the last layer at the start.
func (m *DINO) Groups(s *parallax.Step) []nn.Group {
	return []nn.Group{{Prefix: "last.", Scale: 1, Frozen: s.Epoch < m.FreezeEpochs}}
}

// Forward returns the teacher's outputs for the global crops, and then the student's for all crops.
func (m *DINO) Forward(s *parallax.Step) (g []torch.Tensor) {
	torch.NoGrad(func() {
		g = part.EmbedCrops(m.teacher, s.Views[:m.LargeCrops])
		part.MeanRow(s, torch.Cat(0, g...).To(m.batch.DType())).CopyInto(m.batch)
	})
	return append(g, part.EmbedCrops(m.student, s.Views)...)
}

// Joins is true: batch norm sees the crops of one size together.
func (m *DINO) Joins() bool { return true }

// Loss is equation 3.
func (m *DINO) Loss(s *parallax.Step, g []torch.Tensor) torch.Tensor {
	teacher, student := g[:m.LargeCrops], g[m.LargeCrops:]
	logp := make([]torch.Tensor, len(student))
	for v := range student {
		logp[v] = student[v].Scale(1 / m.StudentTemperature).LogSoftmax(1) // log P_s: N x K
	}
	var terms []torch.Tensor
	for i := range teacher {
		p := m.sharpened(teacher[i].Detach(), s.Epoch)
		for v := range logp {
			if v != i {
				terms = append(terms, p.Mul(logp[v]).Sum(1).Mean().Neg()) // -P_t(x)·log P_s(x')
			}
		}
		if i == 0 {
			s.Report("outputs_in_use", part.InUse(p))
		}
	}
	return part.Mean(terms)
}

// sharpened is P_t = softmax((g_t - c)/τ_t).
func (m *DINO) sharpened(g torch.Tensor, epoch int) torch.Tensor {
	if m.Centring {
		g = g.Sub(m.centre)
	}
	return g.Scale(1 / m.temperature(epoch)).Softmax(1)
}

// temperature is τ_t, which grows linearly over the epochs of its warm-up.
func (m *DINO) temperature(epoch int) float64 {
	switch {
	case !m.Sharpening:
		return m.StudentTemperature
	case epoch < m.WarmupTeacherEpochs:
		share := float64(epoch) / float64(max(1, m.WarmupTeacherEpochs-1))
		return m.WarmupTeacherTemperature + share*(m.TeacherTemperature-m.WarmupTeacherTemperature)
	}
	return m.TeacherTemperature
}

// Update moves the centre (equation 4) and the teacher.
func (m *DINO) Update(s *parallax.Step) {
	// c ← m_c c + (1-m_c) mean g_t
	torch.LerpInto([]torch.Tensor{m.centre}, []torch.Tensor{m.batch}, 1-m.CentreMomentum)
	m.follower.FollowEvery(s, m.TargetEvery, nn.Cosine(m.TargetMomentum, m.FinalTargetMomentum, s.At, s.Of))
}

// DINOHead is DINO's projector and its last layer (appendix C).
type DINOHead struct {
	HeadLayers int  // layers before the last one; with 1 the head is linear, with 0 the embedding is h
	Hidden     int  // width of the head's hidden layers
	Bottleneck int  // d, width of the last of these layers; its output, scaled to length 1, is z
	Outputs    int  // K, outputs of the last layer, whose weight rows have length 1
	HeadNorm   bool // batch norm in the hidden layers; not in the paper's ViTs
}

func (m *DINOHead) validate() error {
	return part.First(
		part.AtLeast("head_layers", m.HeadLayers, 0), part.AtLeast("hidden", m.Hidden, 1),
		part.AtLeast("bottleneck", m.Bottleneck, 1), part.AtLeast("outputs", m.Outputs, 1),
	)
}

// network makes backbone and head under p. It returns the network up to the embedding, and the whole network. The head
// is HeadLayers layers with GELU between them, scaling to length 1, and a linear layer whose weight rows have length 1.
func (m *DINOHead) network(b *parallax.Build, p *nn.Params) (toEmbedding, whole parallax.Encoder) {
	linear := func(p *nn.Params, in, out int) nn.Layer {
		w, bias := p.Param("weight", nn.TruncNormal(0.02), out, in), p.Param("bias", nn.Constant(0), out)
		return nn.Func(func(x torch.Tensor) torch.Tensor { return torch.Linear(x, w, bias) })
	}
	toEmbedding = part.NewEncoder(b, p, nn.MLP{})
	var head nn.Sequential
	q, in := p.Sub("projector"), b.Backbone.Features()
	for i := range m.HeadLayers {
		p := q.Sub(strconv.Itoa(i))
		if i == m.HeadLayers-1 {
			head, in = append(head, linear(p.Sub("linear"), in, m.Bottleneck)), m.Bottleneck
			break
		}
		head = append(head, linear(p.Sub("linear"), in, m.Hidden))
		if m.HeadNorm {
			head = append(head, nn.NewBatchNorm(p.Sub("norm"), m.Hidden, true))
		}
		head, in = append(head, nn.Func(torch.Tensor.GELU)), m.Hidden
	}
	head = append(head, part.Unit)
	toEmbedding.Projector, whole = head, toEmbedding
	last := p.Sub("last").Param("weight", nn.Uniform(in), m.Outputs, in)
	whole.Projector = nn.Sequential{head, nn.Func(func(z torch.Tensor) torch.Tensor {
		return torch.Linear(z, last.Normalize(1), torch.Tensor{})
	})}
	return toEmbedding, whole
}

// outputs returns the teacher's g for embeddings: the last layer of the network.
func (m *DINO) outputs(z torch.Tensor) torch.Tensor {
	return m.teacher.Projector.(nn.Sequential)[1].Forward(z)
}

// Assign is P_t, N x K: the teacher is evaluated.
func (m *DINO) Assign(z torch.Tensor, epoch int) torch.Tensor {
	return m.sharpened(m.outputs(z), epoch)
}

// Collapsed is not determined: teacher and student may agree on one output, with the loss 0, or on uniform outputs,
// with ln K.
func (m *DINO) Collapsed(int) parallax.Collapsed {
	return parallax.Collapsed{Causes: "no centring (method.centring), and one output wins; no sharpening " +
		"(method.sharpening) or too high a teacher's temperature, and outputs become uniform; or a teacher that " +
		"follows at once (method.target_momentum)"}
}
