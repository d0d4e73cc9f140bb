// SPDX-License-Identifier: Apache-2.0

package method

import (
	"math"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var reSSLEntry = Entry{
	Name:  "ressl",
	Title: "ReSSL",
	Date:  "2021-07",
	Paper: "Zheng, You, Wang, Qian, Zhang, Wang & Xu: ReSSL: Relational Self-Supervised Learning with Weak " +
		"Augmentation. NeurIPS 2021, arXiv:2107.09282",
	Equation: "L = H( softmax(k·Qᵀ/τₜ), softmax(q·Qᵀ/τₛ) ), q of the strong view, k of the weak one, Q a queue of " +
		"earlier k;  φ ← mφ + (1-m)θ after each step, φ the teacher and θ the student",
	Collapse: "a teacher that is a moving average, and sharper than the student (τₜ < τₛ): a constant embedding with " +
		"a constant queue has the loss ln K, which is not the smallest, but there the gradient is 0",
	Prevents: []Switch{
		{
			[]string{"method.teacher_temperature=0.1", "method.target_momentum=0", "method.final_target_momentum=0"},
			"if the teacher is no sharper than the student and follows it at once, a constant satisfies both",
		},
	},
	New: func() parallax.Method { return NewReSSL() },
}

// ReSSL asks a strong view for the weak view's relations to many other images, not for its embedding.
type ReSSL struct {
	StudentTemperature  float64 // τₛ of the student's relations
	TeacherTemperature  float64 // τₜ of the teacher's relations; below τₛ, which sharpens them
	Queue               int     // K, the number of earlier images in the relations
	TargetMomentum      float64 // m at the start
	FinalTargetMomentum float64 // m at the end, reached along half a cosine; if equal to the first, m is constant
	Weak                bool    // the teacher sees only a crop and a flip; off: its recipe is the student's
	// views of an image; 2 in the paper. With more, the loss is the mean over several strong views for the student
	ViewCount int
	Projector nn.MLP // two layers without batch norm
	// groups of the batch that batch norm sees separately, in the student and the teacher, as on several GPUs; the
	// official code has groups of 32 images; 1: off
	Groups int
	// groups of the batch that batch norm sees separately in the teacher, after a shuffle; the official code has groups
	// of 32 images; 1: off
	ShuffleGroups int

	encoder parallax.Encoder
	target  part.Target
	queue   *nn.Queue
}

// NewReSSL returns ReSSL with the hyperparameters of the paper and its official code.
func NewReSSL() *ReSSL {
	return &ReSSL{
		StudentTemperature:  0.1,
		TeacherTemperature:  0.04,
		Queue:               131072,
		TargetMomentum:      0.999,
		FinalTargetMomentum: 0.999,
		Weak:                true,
		ViewCount:           2,
		Projector:           nn.MLP{Widths: []int{4096, 512}},
		Groups:              1,
		ShuffleGroups:       1,
	}
}

// Validate checks the hyperparameters.
func (m *ReSSL) Validate() error {
	return part.First(
		part.Positive("student_temperature", m.StudentTemperature),
		part.Positive("teacher_temperature", m.TeacherTemperature),
		part.AtLeast("queue", m.Queue, 1),
		part.Fraction("target_momentum", m.TargetMomentum),
		part.Fraction("final_target_momentum", m.FinalTargetMomentum),
		part.AtLeast("view_count", m.ViewCount, 2),
		part.AtLeast("groups", m.Groups, 1),
		part.AtLeast("shuffle_groups", m.ShuffleGroups, 1),
		m.Projector.Validate("method.projector"),
	)
}

// Views returns the student's strong recipe, for each of its views, and the teacher's weak one.
func (m *ReSSL) Views(size int) []augment.Recipe {
	strong, weak := augment.ReSSLRecipes(size)
	if !m.Weak {
		weak = strong
	}
	return append(part.InTurn(m.ViewCount-1, strong), weak)
}

// Build makes the student, the teacher (the target) and the queue.
func (m *ReSSL) Build(b *parallax.Build) parallax.Encoder {
	m.encoder = part.NewEncoder(b, b.Params, m.Projector)
	m.target = part.NewTarget(b, m.Projector, "ema")
	m.queue = nn.NewQueue(b.Params.Sub("queue"), m.Queue, m.Projector.Out(b.Backbone.Features()), b.Batch)
	return m.encoder
}

// Forward returns the teacher's k of the weak view and the student's q of the strong ones, and offers k to the queue.
func (m *ReSSL) Forward(s *parallax.Step) []torch.Tensor {
	last := len(s.Views) - 1
	k := m.target.Keys(s, s.Views[last:], m.Groups, m.ShuffleGroups)[0]
	m.queue.Offer(s.Gather(k))
	return append([]torch.Tensor{k}, part.EmbedGroups(s, m.encoder, s.Views[:last], m.Groups)...)
}

// Joins reports whether the student sees one view only, and that as a whole.
func (m *ReSSL) Joins() bool { return m.ViewCount == 2 && m.Groups == 1 }

// Loss is the cross-entropy between the views' relations to the queue. The queue has no k of this batch yet, so no
// image is related to itself.
func (m *ReSSL) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	teacher := m.relation(z[0].Detach(), m.TeacherTemperature).Softmax(1)     // softmax(k·Qᵀ/τₜ)
	s.Report("teacher_entropy", part.Entropy(teacher, teacher).Sum(1).Mean()) // the smallest possible loss
	return part.Over(z[1:], func(q torch.Tensor) torch.Tensor {
		student := m.relation(q, m.StudentTemperature).LogSoftmax(1) // log softmax(q·Qᵀ/τₛ)
		return teacher.Mul(student).Sum(1).Mean().Neg()
	})
}

// relation is z·Qᵀ/τ: N x K.
func (m *ReSSL) relation(z torch.Tensor, temperature float64) torch.Tensor {
	return part.Unit(z).MatMul(m.queue.Rows().T()).Scale(1 / temperature)
}

// Update moves the teacher after the optimiser's step, and enqueues k.
func (m *ReSSL) Update(s *parallax.Step) {
	m.target.Follow(s, nn.Cosine(m.TargetMomentum, m.FinalTargetMomentum, s.At, s.Of))
	m.queue.Enqueue()
}

// Collapsed is the loss of uniform relations, to a queue of one point.
func (m *ReSSL) Collapsed(int) parallax.Collapsed {
	return part.Chance(math.Log(float64(m.Queue)), "a teacher that is no sharper than the student "+
		"(method.teacher_temperature), or follows it at once (method.target_momentum)")
}
