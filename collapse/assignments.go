// SPDX-License-Identifier: Apache-2.0

package collapse

// Assignments describes how n images are assigned to K clusters, prototypes or teacher outputs. Image i has the
// probabilities p_i, and p̄ is their mean over images. Entropies are in nats. A loss cannot tell two ways of collapsing
// apart: all images in one cluster (Marginal near 0), and every image equally in all clusters (Individual near ln K).
// Information is 0 in both.
type Assignments struct {
	Rows     int `json:"rows"`     // n
	Clusters int `json:"clusters"` // K

	Marginal    float64 `json:"marginal_entropy"`   // H(p̄), 0 to ln K
	Perplexity  float64 `json:"perplexity"`         // exp H(p̄), 1 to K: the effective number of clusters
	Individual  float64 `json:"individual_entropy"` // mean of H(p_i): 0 when hard, ln K when uniform
	Information float64 `json:"mutual_information"` // I(image; cluster) = mean of KL(p_i‖p̄) = Marginal - Individual
	TopShare    float64 `json:"top_share"`          // the largest p̄_k, 1/K to 1
	Used        int     `json:"used"`               // clusters that are the most probable one of some image
}
