//! Why manifests have no shape that can be read.

/// Why the shape cannot be determined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A field cannot be read as what it should be.
    #[error("{object}: {field}: {problem}")]
    Field {
        /// Kind and name of the object.
        object: String,
        /// Where in it.
        field: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// No container starts a known engine.
    #[error(
        "no container starts TensorRT-LLM, vLLM or SGLang in a way that can be read: \
         set the variant's shape.tensorParallel and shape.replicas"
    )]
    NoEngine,
    /// The engines use more or fewer GPUs than the pods hold.
    #[error(
        "the engines as they are read ({engines}) use {used} GPUs, but the pods request {held}: correct the engines' \
         parallelism or the pods' GPU limits; where the engines are right, set the variant's shape.tensorParallel and \
         shape.replicas"
    )]
    OtherGpus {
        /// In a few words.
        engines: String,
        /// GPUs the engines use.
        used: u32,
        /// GPUs the pods request.
        held: u32,
    },
    /// The workers make up no known way of serving.
    #[error("{0}")]
    NotOneServer(String),
}
