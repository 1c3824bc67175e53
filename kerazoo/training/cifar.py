"""CIFAR pictures for training: decoded once, cropped and flipped on the fly."""

import tensorflow as tf
import tensorflow_datasets as tfds

from kerazoo.preprocessing import Preprocessing

PADDING = 4  # pixels on every side before a random crop, as in the ResNet paper, section 4.2


def load(name: str, split: str, data_dir: str | None) -> tuple:
    """All pictures `(n, 32, 32, 3)` uint8 and labels `(n,)` of a prepared TFDS set, in order."""
    dataset = tfds.load(
        name, split=split, data_dir=data_dir, download=False, as_supervised=True, batch_size=-1
    )
    pictures, labels = tfds.as_numpy(dataset)
    return pictures, labels


def batches(
    pictures, labels, preprocessing: Preprocessing, batch_size: int, *, train: bool, seed: int
) -> tf.data.Dataset:
    """Normalised float32 batches; shuffled, padded, cropped and flipped for training."""
    mean, std = (
        tf.constant(v, tf.float32) * 255.0 for v in (preprocessing.mean, preprocessing.std)
    )
    size = pictures.shape[1]
    dataset = tf.data.Dataset.from_tensor_slices((pictures, labels))
    if train:
        dataset = dataset.shuffle(len(pictures), seed=seed)

    def augment(picture, label):
        picture = tf.pad(picture, [[PADDING] * 2, [PADDING] * 2, [0, 0]])
        picture = tf.image.random_crop(picture, (size, size, 3))
        return tf.image.random_flip_left_right(picture), label

    def normalise(pictures, labels):
        return (tf.cast(pictures, tf.float32) - mean) / std, labels

    if train:
        dataset = dataset.map(augment, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.batch(batch_size, drop_remainder=train)
    return dataset.map(normalise, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)
