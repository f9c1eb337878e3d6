"""Metrics of samples, likelihoods and representations, with standard errors."""

from .anomalies import Detection, alarm_threshold, anomaly_scores, detect
from .classes import label_agreement
from .copies import SharedRun, longest_shared
from .estimate import Estimate, mean
from .evaluation import evaluate
from .extractors import Extractor, Features
from .features import (
    class_distance,
    class_histogram,
    frechet_distance,
    inception_score,
    kernel_distance,
)
from .likelihood import (
    ImportanceBound,
    aggregate_posterior_gap,
    bits_per_character,
    bits_per_dim,
    importance_bounds,
    nats,
    nats_per_token,
    perplexity,
    rate_distortion,
    rates_and_distortions,
)
from .neighbours import density_coverage, memorization, precision_recall
from .representations import (
    anomaly_auc,
    anomaly_by_class,
    linear_probe,
    mutual_information_gap,
)
from .samples import sample_figures
from .similarity import ms_ssim, pairwise_ms_ssim, ssim
from .statistics import FeatureStatistics, compare, reference_statistics
from .tables import (
    closest_record,
    closest_record_figures,
    column_shapes,
    pair_trends,
    prediction_score,
    table_quality,
)
from .tokens import text_agreement, text_scores, token_figures
from .two_sample import TwoSampleTest, classifier_two_sample_test, mmd_test
from .vectors import ModeCoverage, mode_coverage, sliced_wasserstein

__all__ = [
    "Detection",
    "Extractor",
    "FeatureStatistics",
    "Features",
    "Estimate",
    "ImportanceBound",
    "ModeCoverage",
    "TwoSampleTest",
    "aggregate_posterior_gap",
    "anomaly_auc",
    "alarm_threshold",
    "anomaly_by_class",
    "anomaly_scores",
    "bits_per_character",
    "bits_per_dim",
    "class_distance",
    "class_histogram",
    "classifier_two_sample_test",
    "closest_record",
    "closest_record_figures",
    "column_shapes",
    "compare",
    "density_coverage",
    "detect",
    "pair_trends",
    "pairwise_ms_ssim",
    "evaluate",
    "frechet_distance",
    "importance_bounds",
    "inception_score",
    "kernel_distance",
    "label_agreement",
    "linear_probe",
    "longest_shared",
    "mean",
    "memorization",
    "mmd_test",
    "mode_coverage",
    "ms_ssim",
    "mutual_information_gap",
    "nats",
    "nats_per_token",
    "perplexity",
    "precision_recall",
    "prediction_score",
    "rate_distortion",
    "rates_and_distortions",
    "reference_statistics",
    "sample_figures",
    "sliced_wasserstein",
    "ssim",
    "table_quality",
    "text_agreement",
    "text_scores",
    "token_figures",
    "SharedRun",
]
